"""Commit the good events of some requests, each id once for ever, and say what became of every one.

# Note [Writing]
COPY is the cheapest way to write, in the hope of no duplicate. A failed COPY leaves dead rows, so after a duplicate the next 100 requests
of that key are written with care (semantics.md [26]): one look into the index tells which ids are stored already, COPY writes the others,
and what was there is compared with what was sent ([22]). Where somebody else stores one of the ids in between, so that this COPY fails
too, INSERT … ON CONFLICT DO NOTHING writes what is left to be written. COPY goes by the order of the requests, INSERT by that of keys;
where the two meet in a deadlock, the INSERT is tried again.
"""

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection, errors
from psycopg.pq import TransactionStatus

from core import database, sql
from core.faults import fault
from events import rows
from events.problems import Problem
from events.rows import Batch
from events.validation import Event

WARY_REQUESTS = 100
DEADLOCK_ATTEMPTS = 3


@dataclass(frozen=True)
class Taken:
    """An event of the request whose id was there already."""

    index: int
    event_id: str


@dataclass
class IngestResult:
    """What became of a request. ingested_count + duplicate_count + conflicts + bad_count = events sent.

    conflicts: their ids were taken with other content.  voided: duplicates, or conflicts, of an event that is void.  bad_count: events
    with errors.
    """

    ingested_count: int
    duplicate_count: int = 0
    conflicts: list[Taken] = field(default_factory=list)
    voided: list[Taken] = field(default_factory=list)
    errors: Sequence[Problem] = field(default_factory=list)
    bad_count: int = 0

    @property
    def event_count(self) -> int:
        """How many events the request held."""
        return self.ingested_count + self.duplicate_count + len(self.conflicts) + self.bad_count


class Unstorable(Exception):
    """The database refuses an event that passed all checks; nothing was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


_wary: dict[int, int] = {}  # key id -> how many requests yet go straight to ON CONFLICT


def is_wary(key_id: int) -> bool:
    """Tell whether this key has lately sent an id again, so that COPY would likely fail."""
    return _wary.get(key_id, 0) > 0


def beware(key_id: int) -> None:
    """Have the next requests of this key written with care."""
    _wary[key_id] = WARY_REQUESTS


def forget() -> None:
    """Be wary of no key, for tests whose tables are emptied."""
    _wary.clear()


def store(batch: Batch, *, connection: Connection[Any]) -> IngestResult:
    """Commit a batch and say what became of it. Raises Unstorable, psycopg.OperationalError."""
    return store_all([batch], connection=connection)[0]


def store_all(batches: Sequence[Batch], *, connection: Connection[Any]) -> list[IngestResult]:
    """Commit the batches of some requests, no id twice among them, all or none, and say what became of each.

    Raises Unstorable, psycopg.OperationalError.
    """
    group = _Group(batches, connection)
    try:
        if not _beware_of(batches):
            try:
                copy(group.rows, connection)
                return group.results
            except (errors.UniqueViolation, errors.DeadlockDetected):
                pass
        try:
            group.write_with_care()
        except (errors.UniqueViolation, errors.DeadlockDetected):
            _without_deadlock(group.insert)
    except psycopg.DataError as error:
        sentence = f"The database refuses an event of this request ({str(error).splitlines()[0]}). Mend it or leave it out."
        raise Unstorable([Problem(None, None, None, "NOT_STORABLE", sentence)]) from error
    finally:
        fault("ingest: committed")
    for batch, result in zip(batches, group.results, strict=True):
        if result.duplicate_count or result.conflicts:
            beware(batch.key_id)
    return group.results


def _beware_of(batches: Sequence[Batch]) -> bool:
    """Tell whether to take care with any of these, and count each."""
    wary = [batch.key_id for batch in batches if is_wary(batch.key_id)]
    for key_id in wary:
        _wary[key_id] -= 1
    return bool(wary)


def copy(batch_rows: Sequence[bytes], connection: Connection[Any]) -> None:
    """COPY rows in one transaction; it is a single statement where the connection commits by itself."""
    if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        _copy(rows.copy_data(batch_rows), connection)
    else:
        with connection.transaction():
            _copy(rows.copy_data(batch_rows), connection)


def _copy(data: bytes, connection: Connection[Any]) -> None:
    with connection.cursor() as cursor, cursor.copy(rows.COPY) as copying:
        copying.write(data)
        fault("ingest: copied")


def _without_deadlock(attempt: Callable[[], None]) -> None:
    for _ in range(DEADLOCK_ATTEMPTS - 1):
        try:
            return attempt()
        except errors.DeadlockDetected:
            continue
    return attempt()


class _Group:
    """Batches on their way to the table; their events are numbered through, from 1."""

    def __init__(self, batches: Sequence[Batch], connection: Connection[Any]) -> None:
        self.batches = batches
        self.connection = connection
        self.results = [IngestResult(ingested_count=len(batch.events)) for batch in batches]
        self.rows = [row for batch in batches for row in rows.copy_rows(batch)]

    def write_with_care(self) -> None:
        """Compare what is stored already and COPY the rest. Raises UniqueViolation when some of it was stored in between."""
        keys = database.array(row[rows.KEY].hex() for row in self.rows)
        stored = {n for (n,) in self.connection.execute(sql.load(__file__, "already_stored"), {"keys": keys}).fetchall()}
        new = [row for n, row in enumerate(self.rows, 1) if n not in stored]
        conflicting = self._compare(stored)
        if conflicting:
            with self.connection.transaction():
                self._keep_conflicts(conflicting)
                copy(new, self.connection)
        elif new:
            copy(new, self.connection)

    def insert(self) -> None:
        """INSERT what is not stored yet, and compare the rest. Raises DeadlockDetected."""
        with self.connection.transaction():
            records = self._records(self._numbered(range(1, len(self.rows) + 1)))
            inserted = {key.bytes for (key,) in self.connection.execute(sql.load(__file__, "insert_new"), records).fetchall()}
            stored = {n for n, row in enumerate(self.rows, 1) if row[rows.KEY] not in inserted}
            conflicting = self._compare(stored)
            if conflicting:
                self._keep_conflicts(conflicting)
            fault("ingest: copied")

    def _numbered(self, numbers: Container[int]) -> list[tuple[int, int, int, Event]]:
        """Return those of some numbers: the number, the place of its batch, its index in the request, and the event."""
        everything = (
            (place, index, event)
            for place, batch in enumerate(self.batches)
            for index, event in zip(batch.indexes, batch.events, strict=True)
        )
        return [(n, *one) for n, one in enumerate(everything, 1) if n in numbers]

    def _records(self, numbered: Sequence[tuple[int, int, int, Event]]) -> dict[str, str]:
        return {"records": rows.record_set((n, self.batches[place], event) for n, place, _, event in numbered)}

    def _compare(self, numbers: Collection[int]) -> list[int]:
        """Sort those that were there already into duplicates and conflicts, which are returned. Raises Unstorable."""
        self.results = [IngestResult(ingested_count=len(batch.events)) for batch in self.batches]
        if not numbers:
            return []
        numbered = self._numbered(numbers)
        found = self.connection.execute(sql.load(__file__, "compare"), self._records(numbered)).fetchall()
        taken = {n: (self.results[place], Taken(index, event.event_id)) for n, place, index, event in numbered}
        collisions = [taken[n][1] for n, same_id, *_ in found if not same_id]
        if collisions:
            raise Unstorable([_collision(one) for one in collisions])
        for n, _, same_content, is_void in found:
            result, one = taken[n]
            result.ingested_count -= 1
            if same_content:
                result.duplicate_count += 1
            else:
                result.conflicts.append(one)
            if is_void:
                result.voided.append(one)
        return [n for n, _, same_content, _ in found if not same_content]

    def _keep_conflicts(self, conflicting: Container[int]) -> None:
        self.connection.execute(sql.load(__file__, "keep_conflicts"), self._records(self._numbered(conflicting)))


def _collision(taken: Taken) -> Problem:
    sentence = "`event_id` has the same key as another event's id. Send the event under another id."
    return Problem(taken.index, taken.event_id, "event_id", "EVENT_ID_COLLISION", sentence)
