"""Void an event, or take that back: a single act shows in usage at once (semantics 20)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from core.faults import fault
from events import replacement as replacements
from events.models import Event, EventVoid
from meters import positions, recount, rollup, stored
from meters.definition import Definition
from meters.models import Meter
from meters.recount import Counted


class EventAlreadyVoid(DomainError):
    """The event is void already; a second void would change nothing."""

    code = "EVENT_ALREADY_VOID"


class EventNotVoid(DomainError):
    """There is no void to take back."""

    code = "EVENT_NOT_VOID"


def void(*, event: Event, reason: str, actor: Actor, now: datetime, replacement: Mapping[str, Any] | None = None) -> EventVoid:
    """Stop counting an event, from now on and for every meter.

    replacement: a whole event as it would be sent to ingest, stored with the void or not at all (a correction). Raises EventAlreadyVoid,
    ReplacementRefused, ReplacementIdTaken.
    """
    return _act(event=event, is_void=True, reason=reason, actor=actor, now=now, sent=replacement)


def unvoid(*, event: Event, reason: str, actor: Actor, now: datetime) -> EventVoid:
    """Count a voided event again; what replaced it goes on counting until it is voided itself. Raises EventNotVoid."""
    return _act(event=event, is_void=False, reason=reason, actor=actor, now=now, sent=None)


def latest_act(event: Event) -> EventVoid | None:
    """Give the act that decides whether the event is void."""
    return EventVoid.objects.filter(event=event).select_related("event", "replacement").order_by("-ordinal").first()


def repeated(*, event: Event, reason: str, now: datetime, replacement: Mapping[str, Any] | None) -> EventVoid | None:
    """Give the standing void where the same request made it: same reason, same replacement. A retry must not look like a failure."""
    act = latest_act(event)
    if act is None or not act.is_void or act.reason != reason or bool(act.replacement) != bool(replacement):
        return None
    if act.replacement and replacement:
        same = replacements.is_same(sent=replacement, replacement=act.replacement, replaced=event, received_at=now)
        return act if same else None
    return act


@transaction.atomic
def _act(*, event: Event, is_void: bool, reason: str, actor: Actor, now: datetime, sent: Mapping[str, Any] | None) -> EventVoid:
    # The live position first: while it is held no meter is made, so that the list of meters is whole (Note [Positions]).
    positions.lock()
    meter_ids = list(Meter.objects.filter(event_name=event.event_name.name).values_list("id", flat=True))
    live, own = positions.lock(meter_ids)
    latest = latest_act(event)
    if is_void == bool(latest and latest.is_void):
        raise _nothing_to_do(event, latest, is_void=is_void)
    act = EventVoid.objects.create(
        event=event,
        ordinal=latest.ordinal + 1 if latest else 1,
        is_void=is_void,
        reason=reason,
        replacement=replacements.store(sent=sent, replaced=event, received_at=now) if sent else None,
        actor_kind=actor.kind,
        actor_id=actor.id,
        created_at=now,
    )
    fault("void: written")
    # Also where the event is not rolled up yet: an invoice may have counted it in the tail, and its bucket must show that it changed.
    definitions, unreadable = stored.readable(meter_ids)
    for meter_id, failure in unreadable.items():
        rollup.give_up(meter_id, failure=failure, now=now)
    counting = {meter_id: own.get(meter_id, live) for meter_id, definition in definitions.items() if _counts(definition, event)}
    recount.recompute_buckets(
        events=[Counted(event.customer_id, event.timestamp)], event_name_id=event.event_name_id, at=counting
    )
    fault("void: before commit")
    return act


def _nothing_to_do(event: Event, latest: EventVoid | None, *, is_void: bool) -> DomainError:
    if is_void and latest:
        return EventAlreadyVoid(
            f"The event {event.event_id} is void since {latest.created_at.isoformat()}, with the reason “{latest.reason}”. "
            "Take that void back first to void it for another reason or with another replacement."
        )
    return EventNotVoid(f"The event {event.event_id} is not void: there is nothing to take back.")


def _counts(definition: Definition, event: Event) -> bool:
    return definition.counts(event_name=event.event_name.name, timestamp=event.timestamp, metadata=event.metadata) is not None
