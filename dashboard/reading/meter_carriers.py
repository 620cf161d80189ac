"""Read who depends on a meter: the subscriptions that carry it now, and the intervals in which it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.periods import FOREVER
from meters import stored
from meters.definition import ALWAYS
from meters.models import Meter
from products.models import SubscriptionMeter

SHOWN = 20


@dataclass(frozen=True)
class Carriers:
    """The subscriptions that carry a meter at an instant: the first ones, and how many there are."""

    shown: Sequence[SubscriptionMeter]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


@dataclass(frozen=True)
class Interval:
    """Event timestamps that count, half-open; start and end are None where there is no bound."""

    start: datetime | None
    end: datetime | None


def carriers(meter: Meter, *, now: datetime) -> Carriers:
    """Find the subscriptions that carry a meter now."""
    carried = SubscriptionMeter.objects.filter(meter=meter, during__contains=now)
    shown = carried.select_related("subscription", "customer").order_by("customer__name", "id")[:SHOWN]
    return Carriers(list(shown), carried.count())


def intervals(meter: Meter) -> list[Interval]:
    """List the intervals in which a meter counts, the latest first."""
    found = stored.activity([meter.pk]).get(meter.pk, ())
    return [
        Interval(None if one.start == ALWAYS else one.start, None if one.end == FOREVER else one.end) for one in reversed(found)
    ]
