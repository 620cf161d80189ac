"""Show the event log, and one event with what became of it; void it, correct it, take that back."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.middleware import actor_of
from customers.models import Customer
from dashboard.event_forms import CorrectionForm, ReasonForm
from dashboard.forms import EventForm
from dashboard.reading import events
from events import log
from events.models import Event
from events.replacement import ReplacementIdTaken, ReplacementRefused
from events.validation import identity
from invoices import trace
from meters import explain, void
from meters.explain import EventNotFound
from meters.void import EventAlreadyVoid, EventNotVoid


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    form = EventForm(request.GET)
    sought = request.GET.get("event_id", "").strip()
    if sought and explain.is_known(sought):
        return redirect(_address(sought))
    page = events.page(wanted=form.wanted(), cursor=request.GET.get("cursor"), moment=request.GET.get("moment"))
    context = {"form": form, "page": page, "names": events.offered_names(), "is_used": form.is_used, "sought": sought}
    return render(request, "dashboard/events/list.html", context)


def _address(event_id: str) -> str:
    return f"{reverse('dashboard:event')}?{urlencode({'id': event_id})}"


@require_safe
def detail(request: HttpRequest) -> HttpResponse:
    return _shown(request, request.GET.get("id", ""), ReasonForm())


def _shown(request: HttpRequest, event_id: str, form: ReasonForm) -> HttpResponse:
    try:
        found = explain.explain(event_id)
    except EventNotFound as error:
        raise Http404 from error
    if found.event is None:
        refused = {"event_id": event_id, "refusals": found.refusals, "with_others": found.with_others}
        return render(request, "dashboard/events/refused.html", refused)
    context = {
        "event": found.event,
        "customer": Customer.objects.get(pk=found.event.customer_id),
        "found": found,
        "trace": trace.trace(found),
        "acts": events.named_acts(found.acts),
        "form": form,
    }
    return render(request, "dashboard/events/detail.html", context)


def _event(request: HttpRequest) -> Event:
    event_id = request.GET.get("id", "")
    return get_object_or_404(Event.objects.select_related("event_name"), key=identity(event_id), event_id=event_id)


@require_POST
def void_one(request: HttpRequest) -> HttpResponse:
    event, form = _event(request), ReasonForm(request.POST)
    if not form.is_valid():
        return _shown(request, event.event_id, form)
    try:
        void.void(event=event, reason=form.cleaned_data["reason"], actor=actor_of(request), now=timezone.now())
    except EventAlreadyVoid:
        messages.info(request, _("The event was void already."))
    else:
        messages.success(request, _("The event is void. No meter counts it any more."))
    return redirect(_address(event.event_id))


@require_POST
def unvoid(request: HttpRequest) -> HttpResponse:
    event, form = _event(request), ReasonForm(request.POST)
    if not form.is_valid():
        return _shown(request, event.event_id, form)
    try:
        void.unvoid(event=event, reason=form.cleaned_data["reason"], actor=actor_of(request), now=timezone.now())
    except EventNotVoid:
        messages.info(request, _("The event was not void."))
    else:
        messages.success(request, _("The void is taken back. The event counts again."))
    return redirect(_address(event.event_id))


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest) -> HttpResponse:
    event = log.find(request.GET.get("id", ""))
    if event is None:
        raise Http404
    form = CorrectionForm(request.POST) if request.method == "POST" else CorrectionForm.prefilled(event)
    if request.method == "POST" and form.is_valid() and _corrected(request, form):
        messages.success(request, _("The event is void, and this one counts in its place."))
        return redirect(_address(form.cleaned_data["event_id"]))
    return render(request, "dashboard/events/correct.html", {"event": event, "form": form})


def _corrected(request: HttpRequest, form: CorrectionForm) -> bool:
    """Void and replace in one act; what stands against it is said on the form."""
    now, reason = timezone.now(), form.cleaned_data["reason"]
    try:
        void.void(event=_event(request), reason=reason, actor=actor_of(request), now=now, replacement=form.sent())
    except ReplacementRefused as error:
        form.refuse(error.problems)
    except (ReplacementIdTaken, EventAlreadyVoid) as error:
        form.add_error("event_id" if isinstance(error, ReplacementIdTaken) else None, error.message)
    return form.is_valid()
