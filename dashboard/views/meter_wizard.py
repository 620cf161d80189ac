"""Make a meter in four steps, with a preview of what it would count (semantics 32)."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, push_url, trigger_client_event

from core.errors import DomainError
from core.periods import Period
from dashboard import filter_draft, meter_drafts, sparks, wording
from dashboard.meter_drafts import EVERYTHING, FORMS, STEPS, Draft
from dashboard.reading import filter_editor
from dashboard.views.figures import HtmxHttpRequest
from events import catalogue
from meters import define, stored
from meters.aggregation import AGGREGATIONS
from meters.models import Meter
from meters.preview import Preview, PreviewTooSlow, preview


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HtmxHttpRequest) -> HttpResponse:
    if "copy" in request.GET:
        draft = meter_drafts.of_meter(get_object_or_404(Meter, public_id=request.GET["copy"]))
        meter_drafts.keep(request, draft)
        return redirect(_address(draft))
    draft = _draft(request)
    if request.method != "POST":
        wanted = request.GET.get("step", draft.step)
        draft.step = draft.first_fault(wanted) or wanted if wanted in STEPS else draft.step
        return render(request, "dashboard/meters/wizard/page.html", _context(request, draft) | _reviewed(request, draft))
    draft.take(request.POST.dict())
    done = request.POST.get("do", "")
    if done == "create" and not draft.first_fault():
        return _create(request, draft)
    return _go_on(request, draft, done)


def _draft(request: HttpRequest) -> Draft:
    """Find the draft that the address names, at the step that the form was on, or begin one."""
    token = request.GET.get("draft", "")
    found = meter_drafts.load(request, token) or Draft(event_name=request.GET.get("event_name", ""))
    # A page that outlived its session goes on under its own address.
    found.token = token or found.token
    if request.POST.get("step") in STEPS:
        found.step = request.POST["step"]
    return found


def _address(draft: Draft) -> str:
    return f"{reverse('dashboard:meter_new')}?{urlencode({'draft': draft.token, 'step': draft.step})}"


def _go_on(request: HtmxHttpRequest, draft: Draft, done: str) -> HttpResponse:
    """Move to another step, or change the filter; a step that is left forwards must have nothing at fault."""
    before = draft.step
    focus = filter_draft.change(draft.filter, done)
    wanted = _wanted_step(before, done)
    fault = draft.first_fault(wanted) if wanted else ""
    draft.step = fault or wanted or before
    meter_drafts.keep(request, draft)
    address = _address(draft)
    if not request.htmx and not fault:
        return redirect(f"{address}#{focus.replace('.', '-')}" if focus else address)
    context = _context(request, draft, shows_faults=bool(fault), focus=focus)
    if not request.htmx:
        return render(request, "dashboard/meters/wizard/page.html", context)
    response = render(request, "dashboard/meters/wizard/form.html", context)
    if draft.step != before:
        push_url(response, address)
    return trigger_client_event(response, "preview", after="swap")


def _wanted_step(before: str, done: str) -> str:
    """Give the step that a button leads to; none where it stays."""
    order = list(STEPS)
    if done.startswith("go:"):
        return done[3:] if done[3:] in STEPS else ""
    if done in ("next", "create"):
        return order[min(order.index(before) + 1, len(order) - 1)]
    return order[max(order.index(before) - 1, 0)] if done == "back" else ""


def _create(request: HtmxHttpRequest, draft: Draft) -> HttpResponse:
    try:
        meter = _created(request, draft)
    except DomainError as error:
        # The forms have checked the shape; whatever is left stands above the review.
        messages.error(request, error.message)
        return _go_on(request, draft, "")
    if meter is None:
        messages.info(request, _("This meter was created already."))
        address = reverse("dashboard:meters")
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    messages.success(
        request, _("%(name)s counts from now on, and all events of its name that are stored already.") % {"name": meter.name}
    )
    address = reverse("dashboard:meter", args=[meter.public_id])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@transaction.atomic
def _created(request: HttpRequest, draft: Draft) -> Meter | None:
    """Turn the draft into a meter, once."""
    if not meter_drafts.claim(request, draft):
        return None
    return define.create(
        name=draft.name,
        event_name=draft.event_name,
        aggregation=draft.aggregation,
        over_property=draft.over,
        measurement_unit=draft.measurement_unit,
        filter=draft.judged_filter().filter,
        description=draft.description,
        now=timezone.now(),
    )


def _context(request: HttpRequest, draft: Draft, *, shows_faults: bool = False, focus: str = "") -> dict[str, Any]:
    order = list(STEPS)
    place = order.index(draft.step)
    context: dict[str, Any] = {
        "draft": draft,
        "origin": Meter.objects.filter(public_id=draft.copy_of).first() if draft.copy_of else None,
        "steps": [(key, label, number, order.index(key) < place) for number, (key, label) in enumerate(STEPS.items(), 1)],
        "action": f"{reverse('dashboard:meter_new')}?{urlencode({'draft': draft.token})}",
        "focus": focus,
    }
    if draft.step in FORMS:
        context["form"] = _form(draft, shows_faults=shows_faults)
        context["choices"] = aggregation_choices()
    if draft.step == "basics":
        context["names"] = catalogue.offered_names(now=timezone.now())
    elif draft.step == "review":
        context["sentence"] = sentence(draft)
    else:
        errors = draft.judged_filter().errors if shows_faults else {}
        context |= filter_editor.context(draft.filter, errors, catalogue.properties(draft.event_name))
    return context


def aggregation_choices() -> list[tuple[str, str, str]]:
    """List the aggregations with their labels and what they say of a key that is still to be named."""
    return [(row.name, row.label, row.sentence.format(key="…")) for row in AGGREGATIONS.values()]


def _form(draft: Draft, *, shows_faults: bool) -> Any:
    """Show faults only once a person wanted to go on."""
    form_class = FORMS[draft.step]
    return draft.form(draft.step) if shows_faults else form_class(initial={n: getattr(draft, n) for n in form_class.base_fields})


def sentence(draft: Draft) -> str:
    """Say what the draft counts; empty while it counts nothing."""
    found = draft.definition()
    return wording.of_definition(found) if found else ""


def _reviewed(request: HtmxHttpRequest, draft: Draft) -> dict[str, Any]:
    """Read the preview into the page of the last step, so that nobody creates a meter without having seen it."""
    return previewed(draft) if draft.step == "review" else {}


def previewed(draft: Draft, *, with_filter: bool = True, active: Sequence[Period] = EVERYTHING) -> dict[str, Any]:
    """Give what templates/dashboard/meters/wizard/preview.html needs. active: when the meter counts."""
    definition = draft.definition(active, with_filter=with_filter)
    incomplete = len(draft.judged_filter().errors)
    if definition is None:
        return {"incomplete": incomplete}
    try:
        found = preview(definition)
    except PreviewTooSlow as refusal:
        return {"incomplete": incomplete, "refusal": refusal.message}
    shown = {
        "incomplete": incomplete,
        "preview": found,
        "unit": draft.measurement_unit,
        "bars": bars(found),
        "with_filter": with_filter,
    }
    return shown | {"bars_width": sparks.width(len(found.days)), "bars_height": sparks.HEIGHT}


def bars(found: Preview) -> list[tuple[Any, sparks.Bar]]:
    """Put each day beside its bar."""
    return list(zip(found.days, sparks.bars([day.quantity for day in found.days]), strict=True))


@never_cache
@require_POST
def preview_of_draft(request: HttpRequest) -> HttpResponse:
    draft = meter_drafts.load(request, request.POST.get("draft", "")) or Draft()
    draft.take(request.POST.dict())
    meter = Meter.objects.filter(public_id=request.POST.get("meter", "")).first()
    active = stored.activity([meter.pk])[meter.pk] if meter else EVERYTHING
    shown = previewed(draft, with_filter="without_filter" not in request.POST, active=active)
    return render(request, "dashboard/meters/wizard/preview.html", {"draft": draft, "is_fragment": True, **shown})
