"""Read several meters over the same windows: those of one unit share an axis, each further unit has a chart of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.conf import settings

from core.periods import Period
from customers.models import Customer
from dashboard import charts
from dashboard.palette import Palette
from meters import series
from meters.models import Meter
from meters.series import Question, UsageRow
from meters.windows import Window

MOST = 5
"""So many meters are compared with one: a chart has six colours."""


@dataclass(frozen=True)
class Line:
    """One meter's windows, ascending, in the zone of billing."""

    meter: Meter
    rows: Sequence[UsageRow]

    @property
    def is_empty(self) -> bool:
        return not any(row.event_count for row in self.rows)


def rows(meter: Meter, *, period: Period, window: Window, customer: Customer | None, now: datetime) -> list[UsageRow]:
    """Read the windows that have begun: what is to come is no zero. Raises RangeTooLarge."""
    asked = Question(
        meter_id=meter.pk,
        period=period,
        window=window,
        zone=settings.BILLING_TIME_ZONE,
        customer_id=customer.pk if customer else None,
    )
    return [row for row in series.series(asked) if row.start <= now]


def compared(meter: Meter, public_ids: Iterable[str]) -> list[Meter]:
    """Find the meters to compare one with, in the order given; what is no other meter is left out."""
    wanted = list(dict.fromkeys(public_ids))
    found = {one.public_id: one for one in Meter.objects.filter(public_id__in=wanted).exclude(pk=meter.pk)}
    return [found[public_id] for public_id in wanted if public_id in found][:MOST]


def units(meters: Iterable[Meter]) -> list[str]:
    """Name the units of some meters, in order."""
    return list(dict.fromkeys(one.measurement_unit for one in meters))


def drawn(lines: Sequence[Line], *, window: Window, palette: Palette, now: datetime) -> dict[str, object]:
    """Draw what has one unit: one meter as bars, several as lines through the windows that are over: a running one would seem a fall."""
    over = sum(1 for row in lines[0].rows if row.end <= now)
    as_lines = len(lines) > 1 and over > 1
    return charts.usage(
        series=[series_of(one.meter.name, one.rows[:over] if as_lines else one.rows) for one in lines],
        window=cast(charts.Window, window),
        unit=lines[0].meter.measurement_unit,
        palette=palette,
        kind="line" if as_lines else "bar",
        running=over < len(lines[0].rows),
    )


def series_of(name: str, rows: Iterable[UsageRow]) -> charts.Series:
    """Name some windows for a chart."""
    zone = ZoneInfo(settings.BILLING_TIME_ZONE)
    return charts.Series(name, [(row.start.astimezone(zone), row.quantity) for row in rows])
