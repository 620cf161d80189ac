"""Read what a page of one meter is asked to show; its tabs share it."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from customers.models import Customer
from dashboard.forms import RangeForm
from dashboard.reading import meters
from dashboard.reading.ranges import LABELS, Range
from meters.models import Meter
from meters.windows import Window

WINDOW_LABELS = {"hour": lazy("Hours"), "day": lazy("Days"), "week": lazy("Weeks"), "month": lazy("Months")}


@dataclass(frozen=True)
class Asked:
    """What a meter's page is asked to show."""

    meter: Meter
    form: RangeForm
    chosen: Range
    window: Window
    customer: Customer | None
    now: datetime


def asked_of(request: HttpRequest, public_id: str) -> Asked:
    """Read the request; a range or window that is not known falls back to the first choice; see also RangeForm.refusal."""
    now = timezone.now()
    form = RangeForm(request.GET)
    chosen = form.chosen(now=now)
    window = request.GET.get("window", "")
    return Asked(
        meter=get_object_or_404(Meter, public_id=public_id),
        form=form,
        chosen=chosen,
        window=cast(Window, window) if window in chosen.windows else chosen.windows[0],
        customer=form.customer,
        now=now,
    )


def heading(asked: Asked) -> dict[str, object]:
    """Give what every tab shows above its own part; a customer or dates that make no sense are a refusal."""
    return {
        "meter": asked.meter,
        "form": asked.form,
        "chosen": asked.chosen,
        "chosen_label": _(LABELS[asked.chosen.key]),
        "window": asked.window,
        "window_labels": [(window, WINDOW_LABELS[window]) for window in asked.chosen.windows],
        "customer": asked.customer,
        "zone": settings.BILLING_TIME_ZONE,
        "standing": meters.standing(asked.meter),
        "refusal": asked.form.refusal,
    }
