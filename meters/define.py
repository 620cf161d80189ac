"""Make, describe, archive and bring back meters."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from psycopg.types.range import TimestamptzRange

from core.errors import DomainError
from core.text import is_blank
from events.models import Event, EventName
from meters import aggregation as aggregations
from meters import filters, positions, recount
from meters.models import Meter, MeterActivity, RollPosition
from meters.recount import Counted

MICROSECOND = timedelta(microseconds=1)
NAME_LENGTH = 200
EVENT_NAME_LENGTH = 500
UNIT_LENGTH = 100
DESCRIBED = {"name", "description", "measurement_unit"}


class MeterInvalid(DomainError):
    """A field of the meter is empty or too long."""

    code = "INVALID_METER"


class MeterAlreadyArchived(DomainError):
    """The meter is archived already."""

    code = "METER_ALREADY_ARCHIVED"


class MeterNotArchived(DomainError):
    """The meter is active; there is nothing to bring back."""

    code = "METER_NOT_ARCHIVED"


@transaction.atomic
def create(
    *,
    name: str,
    event_name: str,
    aggregation: str,
    over_property: str | None,
    measurement_unit: str,
    filter: Any = None,
    description: str = "",
    now: datetime,
) -> Meter:
    """Make a meter; it counts all events of the name there ever were, and says how far it is until it has caught up.

    filter: the wire contract's JSON, decoded with Decimal for fractions. Raises MeterInvalid, AggregationInvalid, FilterInvalid.
    """
    aggregation, over_property = aggregations.check(aggregation, over_property)
    tree = filters.parse(filter)
    positions.lock()
    meter = Meter.objects.create(
        name=_text(name, "name", NAME_LENGTH),
        description=description or "",
        event_name=_text(event_name, "event_name", EVENT_NAME_LENGTH),
        aggregation=aggregation,
        over_property=over_property,
        measurement_unit=_text(measurement_unit, "measurement_unit", UNIT_LENGTH),
        filter=filters.to_json(tree),
        created_at=now,
        updated_at=now,
    )
    MeterActivity.objects.create(meter=meter, during=TimestamptzRange(None, None))
    # Up to the live position every transaction has ended: without an event that is seen here there is nothing to catch up with.
    if Event.objects.filter(event_name__name=event_name).exists():
        RollPosition.objects.create(meter=meter)
    return meter


def _text(text: str, field: str, length: int) -> str:
    if is_blank(text) or len(text) > length:
        raise MeterInvalid(f"{field} must have 1 to {length} characters, at least one of them visible.", field=field)
    return text


@transaction.atomic
def describe(*, meter: Meter, now: datetime, **changes: str) -> Meter:
    """Change name, description or measurement_unit; what the meter counts stands. Raises MeterInvalid."""
    unknown = changes.keys() - DESCRIBED
    if unknown:
        raise TypeError(f"only {', '.join(sorted(DESCRIBED))} can be changed, not {', '.join(sorted(unknown))}")
    lengths = {"name": NAME_LENGTH, "measurement_unit": UNIT_LENGTH}
    for field, text in changes.items():
        setattr(meter, field, _text(text, field, lengths[field]) if field in lengths else text)
    meter.updated_at = now
    meter.save(update_fields=[*changes, "updated_at"])
    return meter


@transaction.atomic
def archive(*, meter: Meter, now: datetime) -> Meter:
    """Stop counting events whose timestamp is now or later (semantics 29). Raises MeterAlreadyArchived."""
    meter, position = _lock(meter)
    if meter.archived_at:
        raise MeterAlreadyArchived(f"The meter {meter.public_id} is archived already.")
    current = MeterActivity.objects.filter(meter=meter, during__endswith=None).get()
    lower = current.during.lower
    until = max(now, lower + MICROSECOND) if lower else now
    current.during = TimestamptzRange(lower, until)
    current.save(update_fields=["during"])
    _mark(meter, archived_at=now, now=now)
    _recount_from(meter, position, until)
    return meter


@transaction.atomic
def unarchive(*, meter: Meter, now: datetime) -> Meter:
    """Count events whose timestamp is now or later again; the gap stays uncounted. Raises MeterNotArchived."""
    meter, position = _lock(meter)
    if not meter.archived_at:
        raise MeterNotArchived(f"The meter {meter.public_id} is not archived.")
    since = max(now, *(row.during.upper for row in MeterActivity.objects.filter(meter=meter)))
    MeterActivity.objects.create(meter=meter, during=TimestamptzRange(since, None))
    _mark(meter, archived_at=None, now=now)
    _recount_from(meter, position, since)
    return meter


def _lock(meter: Meter) -> tuple[Meter, RollPosition]:
    """Lock a meter's position and then its row: no stronger than an update of it needs, or the roller's foreign keys would wait."""
    live, own = positions.lock([meter.id])
    return Meter.objects.select_for_update(of=("self",), no_key=True).get(id=meter.id), own.get(meter.id, live)


def _mark(meter: Meter, *, archived_at: datetime | None, now: datetime) -> None:
    meter.archived_at = archived_at
    meter.updated_at = now
    meter.save(update_fields=["archived_at", "updated_at"])


def _recount_from(meter: Meter, row: RollPosition, since: datetime) -> None:
    """Count the buckets anew that hold events of this instant or later; timestamps may lie a few minutes ahead of the clock."""
    name = EventName.objects.filter(name=meter.event_name).first()
    if name is None:
        return
    later = Event.objects.filter(event_name=name, timestamp__gte=since).values_list("customer_id", "timestamp")
    places = [Counted(customer_id, timestamp) for customer_id, timestamp in later]
    if places:
        recount.recompute_buckets(events=places, event_name_id=name.id, at={meter.id: row})
