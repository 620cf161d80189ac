"""Read what a customer has used in the running cycles, as the next invoices have it now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.periods import Period
from invoices.charge import Waterfall
from invoices.preview import Preview
from meters.models import Meter


@dataclass(frozen=True)
class Used:
    """One meter in one running cycle. amount: minor units."""

    meter: Meter
    cycle: Period
    fall: Waterfall
    amount: int
    currency: str


def running(shown: Iterable[Preview], *, now: datetime) -> list[Used]:
    """List the metered lines of the cycles that run now. shown: the customer's previews. One query."""
    lines = [
        (one.point.plan.period, line, one.made.currency)
        for one in shown
        if one.point.plan.period.contains(now)
        for line in one.made.lines
        if line.waterfall and line.meter is not None
    ]
    meters = Meter.objects.in_bulk([line.meter for _period, line, _currency in lines])
    return [
        Used(meters[line.meter], period, line.waterfall, line.amount, currency)
        for period, line, currency in lines
        if line.meter is not None and line.waterfall
    ]
