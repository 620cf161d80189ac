"""Describe a meter anew, archive it, bring it back; each with what follows from it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.meter_drafts import DescriptionForm
from dashboard.reading import meter_carriers
from meters import define
from meters.define import MeterAlreadyArchived, MeterNotArchived
from meters.models import Meter

DESCRIBED = ("name", "measurement_unit", "description")


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    meter = get_object_or_404(Meter, public_id=public_id)
    form = DescriptionForm(request.POST or None, initial={field: getattr(meter, field) for field in DESCRIBED})
    if request.method != "POST" or not form.is_valid():
        return render(request, "dashboard/meters/edit.html", {"meter": meter, "form": form})
    define.describe(meter=meter, now=timezone.now(), **form.cleaned_data)
    messages.success(request, _("Saved. Drafts and new invoices say it so; issued ones stay as they are."))
    return redirect("dashboard:meter", public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def archive(request: HttpRequest, public_id: str) -> HttpResponse:
    meter = get_object_or_404(Meter, public_id=public_id)
    if request.method != "POST":
        return _confirm(request, meter)
    try:
        define.archive(meter=meter, now=timezone.now())
    except MeterAlreadyArchived:
        messages.info(request, _("%(name)s was archived before.") % {"name": meter.name})
    else:
        messages.success(request, _("%(name)s is archived: events from now on do not count.") % {"name": meter.name})
    return redirect("dashboard:meter", public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def unarchive(request: HttpRequest, public_id: str) -> HttpResponse:
    meter = get_object_or_404(Meter, public_id=public_id)
    if request.method != "POST":
        return _confirm(request, meter)
    try:
        define.unarchive(meter=meter, now=timezone.now())
    except MeterNotArchived:
        messages.info(request, _("%(name)s was not archived.") % {"name": meter.name})
    else:
        messages.success(request, _("%(name)s counts events from now on again.") % {"name": meter.name})
    return redirect("dashboard:meter", public_id)


def _confirm(request: HttpRequest, meter: Meter) -> HttpResponse:
    """Say what happens, whichever of the two the meter's state allows."""
    now = timezone.now()
    context = {"meter": meter, "carriers": meter_carriers.carriers(meter, now=now), "intervals": meter_carriers.intervals(meter)}
    return render(request, "dashboard/meters/archive.html", context)
