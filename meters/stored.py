"""Read meters from the database as the pure definitions that they count by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.periods import FOREVER, Period
from meters import filters
from meters.definition import ALWAYS, Definition
from meters.models import Meter, MeterActivity


@dataclass(frozen=True)
class StoredMeter:
    """A meter by its primary key, with its definition of now."""

    meter_id: int
    definition: Definition


def definitions(meter_ids: Iterable[int]) -> dict[int, Definition]:
    """Read the definitions of these meters. Raises Meter.DoesNotExist for an id that is none."""
    wanted = list(dict.fromkeys(meter_ids))
    meters = Meter.objects.in_bulk(wanted)
    if missing := [meter_id for meter_id in wanted if meter_id not in meters]:
        raise Meter.DoesNotExist(f"no meter has the key {missing[0]}")
    active = activity(wanted)
    return {meter_id: definition(meters[meter_id], active.get(meter_id, ())) for meter_id in wanted}


def definition(meter: Meter, active: Sequence[Period]) -> Definition:
    """Put a meter's definition together. Raises FilterInvalid where the stored filter is none."""
    return Definition(
        event_name=meter.event_name,
        aggregation=meter.aggregation,
        over_property=meter.over_property,
        filter=filters.parse(meter.filter),
        active=tuple(active),
    )


def activity(meter_ids: Iterable[int]) -> dict[int, tuple[Period, ...]]:
    """Read the intervals in which these meters count, ascending."""
    found: dict[int, tuple[Period, ...]] = {}
    for row in MeterActivity.objects.filter(meter__in=list(meter_ids)).order_by("meter_id", "during"):
        interval = Period(row.during.lower or ALWAYS, row.during.upper or FOREVER)
        found[row.meter_id] = (*found.get(row.meter_id, ()), interval)
    return found
