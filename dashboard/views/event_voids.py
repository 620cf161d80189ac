"""Void many events after a preview, and take back what such a job voided."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from access.middleware import actor_of
from dashboard import event_name_field, filter_draft
from dashboard.bulk_void_form import BulkVoidForm
from dashboard.filter_draft import Node
from dashboard.reading import filter_editor
from dashboard.views.figures import HtmxHttpRequest
from events import catalogue
from invoices import trace
from jobs.models import Job
from meters import bulk_void, void_preview
from meters.selection import Selection
from meters.void_preview import PreviewTooSlow


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HtmxHttpRequest) -> HttpResponse:
    if request.method != "POST":
        initial = {"meter": request.GET.get("meter_id"), "customer": request.GET.get("customer_id"), **request.GET.dict()}
        empty = filter_draft.empty()
        return _shown(request, BulkVoidForm(draft=empty, initial=initial), empty)
    draft = filter_draft.read(request.POST)
    done = request.POST.get("do", "")
    if done not in ("look", "begin"):
        focus = filter_draft.change(draft, done)
        return _shown(request, BulkVoidForm(draft=draft, initial=request.POST.dict()), draft, focus=focus)
    form = BulkVoidForm(request.POST, draft=draft)
    if not form.is_valid():
        return _shown(request, form, draft, errors=form.judged.errors)
    chosen: Selection = form.cleaned_data["selection"]
    if done == "begin":
        return _begin(request, chosen, form.cleaned_data["reason"])
    return _shown(request, form, draft, found=_preview(chosen))


def _shown(
    request: HtmxHttpRequest,
    form: BulkVoidForm,
    draft: Node,
    *,
    errors: Mapping[str, str] | None = None,
    focus: str = "",
    found: Mapping[str, object] | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "names": catalogue.offered_names(now=timezone.now(), limit=event_name_field.OFFERED),
        "focus": focus or "none",
        **filter_editor.context(draft, errors or {}, catalogue.properties(form.name_meant)),
        **(found or {}),
    }
    page = "void_many_form" if request.htmx else "void_many"
    return render(request, f"dashboard/events/{page}.html", context)


@require_safe
def name_choices(request: HttpRequest) -> HttpResponse:
    """Answer the options of a field that names event names, as it is typed into."""
    typed = request.GET.get("event_name", "")
    names = catalogue.offered_names(now=timezone.now(), contains=typed, limit=event_name_field.OFFERED)
    return render(request, "components/event_name_choices.html", {"names": names})


def _preview(chosen: Selection) -> dict[str, object]:
    try:
        found = void_preview.preview(chosen)
    except PreviewTooSlow as refusal:
        return {"refusal": refusal.message}
    return {"preview": found, "touched": trace.touched(found)}


def _begin(request: HtmxHttpRequest, chosen: Selection, reason: str) -> HttpResponse:
    job = bulk_void.begin(selection=chosen, reason=reason, expected=None, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("The events are being voided. This page shows how far it is, and can stop it."))
    response = redirect("dashboard:job", job.public_id)
    return HttpResponseClientRedirect(response.url) if request.htmx else response


@require_POST
def take_back(request: HttpRequest, public_id: str) -> HttpResponse:
    job = get_object_or_404(Job, public_id=public_id, kind=bulk_void.VOID)
    reason = _("All of job %(job)s is taken back") % {"job": job.public_id}
    try:
        undo = bulk_void.take_back(job=job, reason=reason, actor=actor_of(request), now=timezone.now())
    except bulk_void.VoidJobRunning as error:
        messages.error(request, error.message)
        return redirect("dashboard:job", public_id)
    messages.success(request, _("The voids are being taken back."))
    return redirect("dashboard:job", undo.public_id)
