"""Void events, or take that back: an act shows in usage at once (semantics 20)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from core.faults import fault
from events import replacement as replacements
from events.models import Event, EventVoid
from meters import positions, recount, rollup, stored
from meters.definition import Definition
from meters.models import Meter, RollPosition
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
    return _only(event, _Act(is_void=True, reason=reason, actor=actor, now=now, sent=replacement))


def unvoid(*, event: Event, reason: str, actor: Actor, now: datetime) -> EventVoid:
    """Count a voided event again; what replaced it goes on counting until it is voided itself. Raises EventNotVoid."""
    return _only(event, _Act(is_void=False, reason=reason, actor=actor, now=now))


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


def void_many(*, events: Sequence[Event], reason: str, actor: Actor, now: datetime, job: str) -> list[EventVoid]:
    """Void those of these events that are not void, in one transaction, as part of a job; the others stay as they are."""
    return _act(events, _Act(is_void=True, reason=reason, actor=actor, now=now, job=job))


def unvoid_many(*, voids: Sequence[EventVoid], reason: str, actor: Actor, now: datetime, job: str) -> list[EventVoid]:
    """Take these voids back where they still stand, in one transaction; an event that was voided anew since then stays void."""
    events = list(Event.objects.filter(key__in=[one.event_id for one in voids]).select_related("event_name").order_by("arrival"))
    return _act(events, _Act(is_void=False, reason=reason, actor=actor, now=now, job=job), standing={one.pk for one in voids})


@dataclass(frozen=True)
class _Act:
    """What is done to each event."""

    is_void: bool
    reason: str
    actor: Actor
    now: datetime
    sent: Mapping[str, Any] | None = None
    job: str = ""

    def on(self, event: Event, latest: EventVoid | None) -> EventVoid:
        return EventVoid(
            event=event,
            ordinal=latest.ordinal + 1 if latest else 1,
            is_void=self.is_void,
            reason=self.reason,
            replacement=replacements.store(sent=self.sent, replaced=event, received_at=self.now) if self.sent else None,
            actor_kind=self.actor.kind,
            actor_id=self.actor.id,
            job=self.job,
            created_at=self.now,
        )


def _only(event: Event, act: _Act) -> EventVoid:
    """Act on one event, which is an error where there is nothing to do."""
    done = _act([event], act)
    if not done:
        raise _nothing_to_do(event, latest_act(event), is_void=act.is_void)
    return done[0]


@transaction.atomic
def _act(events: Sequence[Event], act: _Act, *, standing: Collection[int] | None = None) -> list[EventVoid]:
    """Act on the events that are not yet as wished. standing: only on those whose latest act is one of these."""
    # The live position first: while it is held no meter is made, so that the list of meters is whole (Note [Positions]).
    positions.lock()
    names = {event.event_name.name for event in events}
    meter_ids = list(Meter.objects.filter(event_name__in=names).order_by("id").values_list("id", flat=True))
    live, own = positions.lock(meter_ids)
    latest = _latest(events)
    acts = [
        act.on(event, found)
        for event in events
        if act.is_void != bool((found := latest.get(event.key)) and found.is_void)
        and (standing is None or (found is not None and found.pk in standing))
    ]
    EventVoid.objects.bulk_create(acts)
    fault("void: written")
    changed = [one.event for one in acts]
    definitions, unreadable = stored.readable(meter_ids)
    for meter_id, failure in unreadable.items():
        rollup.give_up(meter_id, failure=failure, now=act.now)
    for meter_id, definition in definitions.items():
        _recount(meter_id, definition, own.get(meter_id, live), changed)
    fault("void: before commit")
    return acts


def _latest(events: Sequence[Event]) -> dict[UUID, EventVoid]:
    acts = EventVoid.objects.filter(event__in=[event.key for event in events]).order_by("event", "-ordinal").distinct("event")
    return {act.event_id: act for act in acts}


def _recount(meter_id: int, definition: Definition, row: RollPosition, events: Sequence[Event]) -> None:
    """Count the buckets anew in which the meter counts some of the events.

    Also where they are not rolled up yet: an invoice may have counted them in the tail, and their buckets must show that they changed.
    """
    counted = [event for event in events if _counts(definition, event)]
    if counted:
        places = [Counted(event.customer_id, event.timestamp) for event in counted]
        recount.recompute_buckets(events=places, event_name_id=counted[0].event_name_id, at={meter_id: row})


def _nothing_to_do(event: Event, latest: EventVoid | None, *, is_void: bool) -> DomainError:
    if is_void and latest:
        return EventAlreadyVoid(
            f"The event {event.event_id} is void already, with the reason “{latest.reason}”. "
            "Take that void back first to void it for another reason or with another replacement."
        )
    return EventNotVoid(f"The event {event.event_id} is not void: there is nothing to take back.")


def _counts(definition: Definition, event: Event) -> bool:
    return definition.counts(event_name=event.event_name.name, timestamp=event.timestamp, metadata=event.metadata) is not None
