"""Void an event, or take that back: a single act shows in usage at once (semantics 20)."""

from datetime import datetime

from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from core.faults import fault
from events.models import Event, EventVoid
from meters import positions, recount, stored
from meters.definition import Definition
from meters.models import Meter
from meters.recount import Counted


class EventAlreadyVoid(DomainError):
    """The event is void already; a second void would change nothing."""

    code = "EVENT_ALREADY_VOID"


class EventNotVoid(DomainError):
    """There is no void to take back."""

    code = "EVENT_NOT_VOID"


def void(*, event: Event, reason: str, actor: Actor, now: datetime, replacement: Event | None = None) -> EventVoid:
    """Stop counting an event, from now on and for every meter. Raises EventAlreadyVoid."""
    return _act(event=event, is_void=True, reason=reason, actor=actor, now=now, replacement=replacement)


def unvoid(*, event: Event, reason: str, actor: Actor, now: datetime) -> EventVoid:
    """Count a voided event again. Raises EventNotVoid."""
    return _act(event=event, is_void=False, reason=reason, actor=actor, now=now, replacement=None)


@transaction.atomic
def _act(*, event: Event, is_void: bool, reason: str, actor: Actor, now: datetime, replacement: Event | None) -> EventVoid:
    # The live position first: while it is held no meter is made, so that the list of meters is whole (Note [Positions]).
    positions.lock()
    meter_ids = list(Meter.objects.filter(event_name=event.event_name.name).values_list("id", flat=True))
    live, own = positions.lock(meter_ids)
    latest = EventVoid.objects.filter(event=event).order_by("-ordinal").first()
    if is_void == bool(latest and latest.is_void):
        raise (EventAlreadyVoid if is_void else EventNotVoid)(
            f"The event {event.event_id} is {'' if is_void else 'not '}void already."
        )
    act = EventVoid.objects.create(
        event=event,
        ordinal=latest.ordinal + 1 if latest else 1,
        is_void=is_void,
        reason=reason,
        replacement=replacement,
        actor_kind=actor.kind,
        actor_id=actor.id,
        created_at=now,
    )
    fault("void: written")
    # Also where the event is not rolled up yet: an invoice may have counted it in the tail, and its bucket must show that it changed.
    definitions = stored.definitions(meter_ids)
    counting = {meter_id: own.get(meter_id, live) for meter_id in meter_ids if _counts(definitions[meter_id], event)}
    recount.recompute_buckets(
        events=[Counted(event.customer_id, event.timestamp)], event_name_id=event.event_name_id, at=counting
    )
    fault("void: before commit")
    return act


def _counts(definition: Definition, event: Event) -> bool:
    return definition.counts(event_name=event.event_name.name, timestamp=event.timestamp, metadata=event.metadata) is not None
