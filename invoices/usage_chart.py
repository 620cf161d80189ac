"""Draw how the usage behind an invoice's lines spread over its cycle: one small bar chart for each line that counted something.

The bars of an issued invoice count the events of its snapshot, so that the same document comes out whenever it is printed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from core.deployment import billing_zone
from core.money import exact
from core.periods import Period, days
from meters import usage
from meters.meter_sql import Snapshot
from meters.models import Meter
from meters.usage import UsageRequest
from products.zones import name_at

MOST_CHARTS = 12
MOST_DAYS = 92
# About half a second of raw events; beyond it the rollup is read, and shown only where it still comes to what was billed.
MOST_RAW_EVENTS = 200_000


@dataclass(frozen=True)
class Charted:
    """What a line says it counted. quantity: in the meter's unit, None for no value."""

    meter: Meter
    period: Period
    quantity: Decimal | None
    event_count: int


@dataclass(frozen=True)
class Bars:
    """The quantity of each window of the period, None for no value, and the day on which the window begins."""

    of: Charted
    days: Sequence[date]
    quantities: Sequence[Decimal | None]


def bars(lines: Iterable[Charted], *, customer_id: int, at: Snapshot | None) -> list[Bars]:
    """Count each line's usage by day, or by month beyond 92 days, in one statement. at: the events of which snapshot; None for now."""
    shown = list({(line.meter.pk, line.period): line for line in lines if line.quantity}.values())[:MOST_CHARTS]
    if not shown:
        return []
    is_busy = sum(line.event_count for line in shown) > MOST_RAW_EVENTS
    cut = {line.period: windows(line.period) for line in shown}
    requests = {
        (line.meter.pk, part): UsageRequest(line.meter.pk, customer_id, part) for line in shown for _, part in cut[line.period]
    }
    counted = usage.quantities(requests=list(requests.values()), at=None if is_busy else at).quantities
    drawn = [
        Bars(
            line,
            [day for day, _ in cut[line.period]],
            [counted[requests[line.meter.pk, part]].quantity for _, part in cut[line.period]],
        )
        for line in shown
    ]
    return [one for one in drawn if not is_busy or _total(one) == one.of.quantity]


def windows(period: Period) -> list[tuple[date, Period]]:
    """Cut a period into the days of the billing zone in which it began, or months where these are too many to see."""
    found = [
        (day, Period(max(whole.start, period.start), min(whole.end, period.end)))
        for day, whole in days(period, name_at(period.start, billing_zone()))
    ]
    if len(found) <= MOST_DAYS:
        return found
    months = [list(of_month) for _, of_month in groupby(found, key=lambda one: (one[0].year, one[0].month))]
    return [(parts[0][0], Period(parts[0][1].start, parts[-1][1].end)) for parts in months]


def _total(one: Bars) -> Decimal | None:
    known = [quantity for quantity in one.quantities if quantity is not None]
    with exact():
        return _TOTALS[one.of.meter.aggregation](known) if known else None


_TOTALS: Mapping[str, Callable[[Sequence[Decimal]], Decimal]] = {
    "count": lambda known: sum(known, Decimal(0)),
    "sum": lambda known: sum(known, Decimal(0)),
    "max": max,
    "last": lambda known: known[-1],
}
