"""Say of any event what each meter makes of it and why; of a refused one, why it was refused.

The judgement itself is pure and stands in verdicts.py; which invoice lines carry the event is said by invoices.trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import connection

from core.errors import DomainError
from core.sql import load
from core.text import folded
from events import judgement, log, refusals
from events.log import LoggedEvent
from events.models import EventConflict, EventVoid, RefusedRequest, RejectedEvent
from meters import stored, verdicts
from meters.definition import Definition
from meters.models import Meter
from meters.verdicts import NearMiss, Verdict

Status = Literal["counted", "excluded", "unmatched", "voided", "refused"]
LISTED = 20
"""How many conflicts, refusals and refused requests of one event are listed, the newest first."""


class EventNotFound(DomainError):
    """No event of this id was stored, and none was refused."""

    code = "EVENT_NOT_FOUND"


@dataclass(frozen=True)
class MeterVerdict:
    """What one meter makes of the event. definition: None where what is stored cannot be read."""

    meter: Meter
    verdict: Verdict
    definition: Definition | None


@dataclass(frozen=True)
class MeterNearMiss:
    """What the event almost has of what one meter asks for."""

    meter: Meter
    miss: NearMiss


@dataclass(frozen=True)
class Explanation:
    """All that is known of an event id.

    event: None where it was only refused.  meters: those of the event's name, the counting ones first.  acts: voids and what took them
    back, in order.  replaces: the acts by which it stands in another's place.  conflicts, refusals: other contents and refused attempts
    under the id, newest first.  with_others: requests that were refused for other events of theirs, newest first; it is replayed with one.
    """

    event: LoggedEvent | None
    status: Status
    meters: Sequence[MeterVerdict] = ()
    near_misses: Sequence[MeterNearMiss] = ()
    acts: Sequence[EventVoid] = ()
    replaces: Sequence[EventVoid] = ()
    conflicts: Sequence[EventConflict] = ()
    refusals: Sequence[RejectedEvent] = ()
    with_others: Sequence[RefusedRequest] = ()


@dataclass(frozen=True)
class Seen:
    """What a snapshot of the log saw of an event."""

    event: bool
    void: bool


def explain(event_id: str) -> Explanation:
    """Explain an event id, whatever became of it. Raises EventNotFound."""
    event = log.find(event_id)
    refused, with_others = _refusals(event_id), refusals.with_others(event_id, most=LISTED)
    if event is None:
        if not refused and not with_others:
            raise EventNotFound(
                f"There is no event {event_id[:255]}: it was never received, or it was refused for others so long ago that the body of its "
                "request was let go of."
            )
        return Explanation(None, "refused", refusals=refused, with_others=with_others)
    judged = _verdicts(event)
    return Explanation(
        event=event,
        status=_status(event, judged),
        meters=judged,
        near_misses=_near_misses(event, judged),
        acts=list(EventVoid.objects.filter(event_id=event.key).select_related("event", "replacement").order_by("ordinal")),
        replaces=list(EventVoid.objects.filter(replacement_id=event.key).select_related("event", "replacement").order_by("id")),
        conflicts=list(EventConflict.objects.filter(event_id=event.key).order_by("-latest_seen_at", "-id")[:LISTED]),
        refusals=refused,
        with_others=with_others,
    )


def is_known(event_id: str) -> bool:
    """Tell whether explain() has something to say."""
    return log.find(event_id) is not None or bool(_refusals(event_id)) or bool(refusals.with_others(event_id, most=1))


def _status(event: LoggedEvent, judged: Sequence[MeterVerdict]) -> Status:
    if event.is_void:
        return "voided"
    if not judged:
        return "unmatched"
    return "counted" if any(one.verdict.counted for one in judged) else "excluded"


def _verdicts(event: LoggedEvent) -> list[MeterVerdict]:
    meters = list(Meter.objects.filter(event_name=event.event_name).order_by("name", "id"))
    definitions, _unreadable = stored.readable(meter.pk for meter in meters)
    judged = [MeterVerdict(meter, _verdict(definitions.get(meter.pk), event), definitions.get(meter.pk)) for meter in meters]
    return sorted(judged, key=lambda one: not one.verdict.counted)


def _verdict(definition: Definition | None, event: LoggedEvent) -> Verdict:
    if definition is None:
        return verdicts.UNREADABLE
    return verdicts.verdict(definition, timestamp=event.timestamp, metadata=event.metadata, is_void=event.is_void)


def _near_misses(event: LoggedEvent, judged: Iterable[MeterVerdict]) -> list[MeterNearMiss]:
    """List near misses of meters that do not count the event, and of meters over almost the same name."""
    found = [
        MeterNearMiss(one.meter, miss)
        for one in judged
        if one.definition is not None and not one.verdict.counted
        for miss in verdicts.near_misses(one.definition, event.metadata)
    ]
    others = Meter.objects.exclude(event_name=event.event_name).order_by("name", "id")
    wanted = folded(event.event_name)
    named = [meter for meter in others.only("id", "public_id", "name", "event_name") if folded(meter.event_name) == wanted]
    return found + [
        MeterNearMiss(meter, NearMiss("event_name", "event_name", meter.event_name, event.event_name)) for meter in named
    ]


def _refusals(event_id: str) -> list[RejectedEvent]:
    # The text is kept shortened where it was too long to be an event id (events.refusals).
    shown = judgement.shown(event_id, refusals.KEPT_TEXT)
    rows = RejectedEvent.objects.filter(event_id=shown).select_related("request", "request__api_key").defer("request__body")
    return list(rows.order_by("-id")[:LISTED])


def seen(event: LoggedEvent, snapshot_ids: Iterable[int]) -> Mapping[int, Seen]:
    """Say which of the stored snapshots saw the event, and whether it was void to them; one statement."""
    wanted = sorted(set(snapshot_ids))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "seen_by_snapshots"), {"key": event.key, "snapshots": wanted})
        return {snapshot_id: Seen(is_seen, is_void) for snapshot_id, is_seen, is_void in cursor.fetchall()}
