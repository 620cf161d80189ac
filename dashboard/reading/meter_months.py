"""Read what many meters came to this month, for lists of meters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from core.periods import Interval, Period, add_interval, local_date, local_midnight
from dashboard import sparks
from dashboard.sparks import Bar
from meters import glance, windows
from meters.glance import Glance
from meters.models import Meter

MOST_BUSY = 6
LOOKED_AT = 50


@dataclass(frozen=True)
class MeterMonth:
    """A meter with what it came to since the month began. bars: of each day up to today, where days can be told apart."""

    meter: Meter
    used: Glance
    bars: Sequence[Bar]

    @property
    def bars_width(self) -> int:
        return sparks.width(len(self.bars))


def months(meters: Sequence[Meter], *, now: datetime) -> list[MeterMonth]:
    """Count some meters from the first of the month of the billing zone; the same few queries for any number."""
    if not meters:
        return []
    days = _days(now)
    used = glance.glances([meter.pk for meter in meters], days=days)
    begun = sum(1 for day in days if day.start <= now)
    return [MeterMonth(meter, used[meter.pk], sparks.bars(used[meter.pk].days[:begun])) for meter in meters]


def _days(now: datetime) -> list[Period]:
    zone = settings.BILLING_TIME_ZONE
    first = local_date(now, zone).replace(day=1)
    after = add_interval(first, Interval("Month", 1), 1)
    return list(windows.windows(Period(local_midnight(first, zone), local_midnight(after, zone)), "day", zone))


def busiest(*, now: datetime) -> list[MeterMonth]:
    """Count the newest meters that are not archived, and give those with the most events this month."""
    newest = Meter.objects.filter(archived_at=None).order_by("-id")[:LOOKED_AT]
    return sorted(months(list(newest), now=now), key=lambda one: -one.used.event_count)[:MOST_BUSY]
