"""Void many events after a preview, and take back what such a job voided."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from access.middleware import actor_of
from dashboard.bulk_void_form import BulkVoidForm
from dashboard.reading import events
from invoices import trace
from jobs.models import Job
from meters import bulk_void, void_preview
from meters.selection import Selection
from meters.void_preview import PreviewTooSlow


@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    names = events.offered_names()
    if request.method != "POST":
        initial = {"meter": request.GET.get("meter_id"), "customer": request.GET.get("customer_id"), **request.GET.dict()}
        return render(request, "dashboard/events/void_many.html", {"form": BulkVoidForm(names=names, initial=initial)})
    form = BulkVoidForm(request.POST, names=names)
    if not form.is_valid():
        return render(request, "dashboard/events/void_many.html", {"form": form})
    chosen: Selection = form.cleaned_data["selection"]
    if "begin" in request.POST:
        return _begin(request, chosen, form.cleaned_data["reason"])
    return render(request, "dashboard/events/void_many.html", {"form": form, **_preview(chosen)})


def _preview(chosen: Selection) -> dict[str, object]:
    try:
        found = void_preview.preview(chosen)
    except PreviewTooSlow as refusal:
        return {"refusal": refusal.message}
    return {"preview": found, "touched": trace.touched(found)}


def _begin(request: HttpRequest, chosen: Selection, reason: str) -> HttpResponse:
    job = bulk_void.begin(selection=chosen, reason=reason, expected=None, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("The events are being voided. This page shows how far it is, and can stop it."))
    return redirect("dashboard:job", job.public_id)


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
