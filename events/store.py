"""Commit a batch of good events, each id once for ever, and say what became of every one.

# Note [Writing]
COPY is the cheapest way to write, in the hope of no duplicate. A failed COPY leaves dead rows, so after a unique violation the next
100 requests of that key go straight to INSERT … ON CONFLICT DO NOTHING (semantics.md [26]), after which what was there already is compared
with what was sent ([22]). COPY goes by the order of the request, INSERT by that of keys; where the two meet in a deadlock, the INSERT is
tried again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, errors
from psycopg.pq import TransactionStatus

from core import sql
from core.faults import fault
from events import rows
from events.problems import Problem
from events.rows import Batch

WARY_REQUESTS = 100
DEADLOCK_ATTEMPTS = 3

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Taken:
    """An event of the request whose id was there already."""

    index: int
    event_id: str


@dataclass
class IngestResult:
    """What became of a request. ingested_count + duplicate_count + conflicts + events with errors = events sent.

    conflicts: their ids were taken with other content.  voided: duplicates of an event that is void.
    """

    ingested_count: int
    duplicate_count: int = 0
    conflicts: Sequence[Taken] = ()
    voided: Sequence[Taken] = ()
    errors: Sequence[Problem] = field(default_factory=list)


class Unstorable(Exception):
    """The database refuses an event that passed all checks; nothing was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


_wary: dict[int, int] = {}  # key id -> how many requests yet go straight to ON CONFLICT


def is_wary(key_id: int) -> bool:
    """Tell whether this key has lately sent an id again, so that COPY would fail."""
    return _wary.get(key_id, 0) > 0


def beware(key_id: int) -> None:
    """Have the next requests of this key go straight to ON CONFLICT."""
    _wary[key_id] = WARY_REQUESTS


def forget() -> None:
    """Be wary of no key, for tests whose tables are emptied."""
    _wary.clear()


def store(batch: Batch, *, key_id: int, connection: Connection[Any]) -> IngestResult:
    """Commit a batch and say what became of it. Raises Unstorable, psycopg.OperationalError."""
    try:
        if is_wary(key_id):
            _wary[key_id] -= 1
        else:
            try:
                copy(rows.copy_text(batch), connection)
                return IngestResult(ingested_count=len(batch.events))
            except (errors.UniqueViolation, errors.DeadlockDetected):
                beware(key_id)
        return _without_deadlock(lambda: _insert(batch, key_id, connection))
    except psycopg.DataError as error:
        sentence = f"The database refuses an event of this request ({str(error).splitlines()[0]}). Mend it or leave it out."
        raise Unstorable([Problem(None, None, None, "NOT_STORABLE", sentence)]) from error
    finally:
        fault("ingest: committed")


def copy(text: str, connection: Connection[Any]) -> None:
    """Write COPY lines in one transaction; it is a single statement where the connection commits by itself."""
    if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        _copy(text, connection)
    else:
        with connection.transaction():
            _copy(text, connection)


def _copy(text: str, connection: Connection[Any]) -> None:
    with connection.cursor() as cursor, cursor.copy(rows.COPY) as lines:
        lines.write(text.encode())
        fault("ingest: copied")


def _without_deadlock(attempt: Callable[[], Answer]) -> Answer:
    for _ in range(DEADLOCK_ATTEMPTS - 1):
        try:
            return attempt()
        except errors.DeadlockDetected:
            continue
    return attempt()


def _insert(batch: Batch, key_id: int, connection: Connection[Any]) -> IngestResult:
    parameters = {"records": rows.record_set(batch), "received_at": batch.received_at, "api_key_id": key_id}
    with connection.transaction():
        stored = [key for (key,) in connection.execute(sql.load(__file__, "insert_new"), parameters).fetchall()]
        result = IngestResult(ingested_count=len(stored))
        if len(stored) < len(batch.events):
            _compare(result, parameters | {"stored": stored}, connection)
        fault("ingest: copied")
    return result


def _compare(result: IngestResult, parameters: dict[str, Any], connection: Connection[Any]) -> None:
    """Sort those that were there already into duplicates and conflicts, and keep the conflicts."""
    found = connection.execute(sql.load(__file__, "compare"), parameters).fetchall()
    collisions = [(index, event_id) for index, event_id, same_id, *_ in found if not same_id]
    if collisions:
        sentence = "`event_id` has the same key as another event's id. Send the event under another id."
        raise Unstorable([Problem(index, event_id, "event_id", "EVENT_ID_COLLISION", sentence) for index, event_id in collisions])
    result.conflicts = [Taken(index, event_id) for index, event_id, _, same_content, _ in found if not same_content]
    result.voided = [Taken(index, event_id) for index, event_id, _, _, is_void in found if is_void]
    result.duplicate_count = len(found) - len(result.conflicts)
    if result.conflicts:
        places = [taken.index for taken in result.conflicts]
        connection.execute(sql.load(__file__, "keep_conflicts"), parameters | {"places": places})
