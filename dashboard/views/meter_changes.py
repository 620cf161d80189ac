"""Describe a meter anew, archive it, bring it back; each with what follows from it."""

from collections.abc import Callable

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
    done, idle = _("%(name)s is archived: events from now on do not count."), _("%(name)s was archived before.")
    return _switch(request, public_id, define.archive, done=done, idle=idle)


@require_http_methods(["GET", "HEAD", "POST"])
def unarchive(request: HttpRequest, public_id: str) -> HttpResponse:
    done, idle = _("%(name)s counts events from now on again."), _("%(name)s was not archived.")
    return _switch(request, public_id, define.unarchive, done=done, idle=idle)


def _switch(request: HttpRequest, public_id: str, act: Callable[..., Meter], *, done: str, idle: str) -> HttpResponse:
    """Ask first, then act. idle: what to say where somebody else was quicker."""
    meter = get_object_or_404(Meter, public_id=public_id)
    if request.method != "POST":
        return _confirm(request, meter)
    try:
        act(meter=meter, now=timezone.now())
    except (MeterAlreadyArchived, MeterNotArchived):
        messages.info(request, idle % {"name": meter.name})
    else:
        messages.success(request, done % {"name": meter.name})
    return redirect("dashboard:meter", public_id)


def _confirm(request: HttpRequest, meter: Meter) -> HttpResponse:
    """Say what happens, whichever of the two the meter's state allows."""
    now = timezone.now()
    context = {"meter": meter, "carriers": meter_carriers.carriers(meter, now=now), "intervals": meter_carriers.intervals(meter)}
    return render(request, "dashboard/meters/archive.html", context)
