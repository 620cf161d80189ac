"""Take in the event that replaces a void one, judged as ingest judges, within the transaction that voids (semantics.md [22])."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core import database, exact_json, sql
from core.errors import DomainError
from customers import directory
from events import judgement, names, rows
from events.ingest import RequestRefused, age_limit, customer_problem
from events.models import Event
from events.rows import Batch
from events.validation import Event as SentEvent
from events.validation import identity


class ReplacementRefused(RequestRefused):
    """The replacement is no event that ingest would take; `problems` says all of why."""


class ReplacementIdTaken(DomainError):
    """A replacement is a new event, and needs an event_id that was never used."""

    code = "REPLACEMENT_ID_TAKEN"


def store(*, sent: Mapping[str, Any], replaced: Event, received_at: datetime) -> Event:
    """Store a whole event as it would be sent to ingest, within the caller's transaction.

    Without a timestamp it happened when the replaced one did; it may be as old as that one, or as was accepted when that
    one was received, whatever EVENT_MAX_AGE_DAYS says by now.
    Nothing of a refused replacement is kept: whoever sent it has the answer. Raises ReplacementRefused, ReplacementIdTaken.
    """
    batch = _judged(sent, replaced, received_at)
    event_id = batch.events[0].event_id
    stored = database.of_django().execute(sql.load(__file__, "insert_new"), _parameters(batch)).fetchall()
    if not stored:
        raise ReplacementIdTaken(
            f"The event_id {event_id} was used before. Give the replacement an event_id of its own.", field="replacement.event_id"
        )
    return Event.objects.select_related("event_name").get(key=identity(event_id))


def is_same(*, sent: Mapping[str, Any], replacement: Event, replaced: Event, received_at: datetime) -> bool:
    """Tell whether this is what was stored as the replacement, so that the request is the same again. Raises ReplacementRefused."""
    if sent.get("event_id") != replacement.event_id:
        return False
    parameters = _parameters(_judged(sent, replaced, received_at))
    found = database.of_django().execute(sql.load(__file__, "compare"), parameters).fetchone()
    return found is not None and found[1] and found[2]


def _parameters(batch: Batch) -> dict[str, Any]:
    return {"records": rows.record_set([(0, batch, batch.events[0])])}


def _judged(sent: Mapping[str, Any], replaced: Event, received_at: datetime) -> Batch:
    given = dict(sent)
    if given.get("timestamp") is None:
        given["timestamp"] = replaced.timestamp.isoformat()
    body = exact_json.dumps({"events": [given]}).encode()
    # Whatever ingest would have taken when the replaced event was received may take its place.
    max_age = max(age_limit() + received_at - replaced.received_at, received_at - replaced.timestamp)
    judged = judgement.judge(body, received_at=received_at, max_age=max_age)
    if judged.problems:
        raise ReplacementRefused(judged.problems)
    return _batch(judged.events[0], received_at)


def _batch(event: SentEvent, received_at: datetime) -> Batch:
    connection = database.of_django()
    entries = directory.resolve({event.customer_id}, connection=connection)
    if problem := customer_problem(0, event.event_id, event.customer_id, entries):
        raise ReplacementRefused([problem])
    return Batch(
        events=[event],
        indexes=[0],
        customers={reference: entry.id for reference, entry in entries.items()},
        names=names.numbers({event.event_name}, connection=connection, now=received_at),
        received_at=received_at,
        key_id=0,  # of nobody: a replacement comes with a void, not through ingest
    )
