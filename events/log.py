"""Read the log of events page by page: newest first, then in order of arrival; a page costs the same at any depth.

# Note [Pages]
A page goes on after the last event of the one before it, by (timestamp, arrival), and never counts. While a list is read, events that
arrive would push others into view twice or hide them; so the first page's `moment` can be handed on, and later pages show what was there
then.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, LiteralString, cast
from uuid import UUID

from django.db import connection
from msgspec import Struct
from psycopg import sql

from core import database, exact_json
from events.validation import identity

MOST = 2**63
_MOMENT = re.compile(r"[0-9]{1,9}/[0-9]{1,19}:[0-9]{1,19}:([0-9]{1,19}(,[0-9]{1,19})*)?")


@dataclass(frozen=True)
class Filters:
    """Which events to show; half-open [start, end) by timestamp.

    customer_id: the internal one.  where: a further condition on the columns of events_event, such as a meter's filter, with its
    `parameters` (names must not begin with "log_").
    """

    customer_id: int | None = None
    event_name: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    where: sql.Composable | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cursor:
    """The last event of a page; the next page begins after it."""

    timestamp: datetime
    arrival: int

    def __str__(self) -> str:
        return f"{self.timestamp.isoformat()}|{self.arrival}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what str() wrote. Raises ValueError."""
        timestamp, _, arrival = text.partition("|")
        cursor = cls(datetime.fromisoformat(timestamp), int(arrival))
        # An address may bring anything: PostgreSQL refuses offsets that Python reads.
        if cursor.timestamp.tzinfo != UTC or not 0 <= cursor.arrival < MOST:
            raise ValueError("no place in the log")
        return cursor


def checked_moment(text: str) -> str:
    """Return what now() wrote as it is. Raises ValueError for anything else, for it may come back through an address."""
    found = _MOMENT.fullmatch(text)
    numbers = [int(number) for number in re.findall(r"[0-9]+", text)]
    if not found or max(numbers) >= MOST or not 0 < numbers[1] <= numbers[2]:
        raise ValueError("no moment of the log")
    running = numbers[3:]
    if running != sorted(set(running)) or any(not numbers[1] <= one < numbers[2] for one in running):
        raise ValueError("no moment of the log")
    return text


class LoggedEvent(Struct, frozen=True):
    """One event as it is shown; `customer` is the public id, fractions in metadata are Decimals."""

    key: UUID
    arrival: int
    event_id: str
    customer_id: int
    customer: str
    event_name: str
    timestamp: datetime
    timestamp_given: bool
    received_at: datetime
    metadata: dict[str, Any]
    is_void: bool

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.timestamp, self.arrival)


_SHOWN = sql.SQL("""
SELECT
    event.key, event.arrival, event.event_id, event.customer_id, customer.public_id, name.name, event."timestamp", event.timestamp_given,
    event.received_at, event.metadata::text,
    coalesce((
        SELECT act.is_void FROM events_eventvoid AS act WHERE act.event_id = event.key ORDER BY act.ordinal DESC LIMIT 1
    ), false)
FROM ({events}) AS event
JOIN customers_customer AS customer ON customer.id = event.customer_id
JOIN events_eventname AS name ON name.id = event.event_name_id
ORDER BY event."timestamp" DESC, event.arrival
""")
_NEWEST = sql.SQL('SELECT * FROM events_event WHERE {conditions} ORDER BY "timestamp" DESC, arrival LIMIT {limit}')
# No index is by time, or by customer and time, alone: the newest of each name are merged, each read from the index by name and time, or
# by name, customer and time. The first few of each name, about twice a page's worth of all, tell how far back the page can reach; only so
# far is each name read whole. Of many names, most have their very newest event further back than that and are read no more.
_NEWEST_OF_EACH_NAME = sql.SQL("""
WITH head AS MATERIALIZED (
    SELECT each_name.id, few."timestamp"
    FROM events_eventname AS each_name CROSS JOIN LATERAL (
        SELECT newest."timestamp"
        FROM (
            SELECT "timestamp" FROM events_event WHERE event_name_id = each_name.id AND {conditions}
            ORDER BY "timestamp" DESC LIMIT {twice}
        ) AS newest
        LIMIT (SELECT greatest(1, {twice} / count(*)) FROM events_eventname)
    ) AS few
),
reach AS MATERIALIZED (
    SELECT coalesce((SELECT "timestamp" FROM head ORDER BY "timestamp" DESC OFFSET {limit} - 1 LIMIT 1), '-infinity') AS oldest
)
SELECT newest.*
FROM (SELECT DISTINCT id FROM head WHERE "timestamp" >= (SELECT oldest FROM reach)) AS each_name
CROSS JOIN LATERAL (
    SELECT * FROM events_event WHERE event_name_id = each_name.id AND {conditions} AND "timestamp" >= (SELECT oldest FROM reach)
    ORDER BY "timestamp" DESC, arrival LIMIT {limit}
) AS newest
ORDER BY newest."timestamp" DESC, newest.arrival LIMIT {limit}
""")
# The bound lies within: whatever the condition asks for, no more than so many events are looked at.
_FITTING = sql.SQL("""
SELECT e.* FROM (SELECT * FROM events_event WHERE {conditions} ORDER BY "timestamp" DESC, arrival LIMIT %(log_most)s) AS e
WHERE {where} ORDER BY e."timestamp" DESC, e.arrival LIMIT %(log_limit)s
""")
_END_OF_LOOK = sql.SQL("""
SELECT "timestamp", arrival FROM events_event WHERE {conditions} ORDER BY "timestamp" DESC, arrival OFFSET %(log_most)s - 1 LIMIT 1
""")
_CUT = sql.SQL('SELECT * FROM ({events}) AS part ORDER BY part."timestamp" DESC, part.arrival OFFSET {offset}')


def page(
    *, filters: Filters, size: int, cursor: Cursor | None = None, offset: int = 0, moment: str | None = None
) -> list[LoggedEvent]:
    """Return at most `size` events after `cursor`, or after `offset` events where no cursor is known (slow when deep).

    moment: what `now()` gave when the list was begun; events committed since then are left out.
    """
    conditions, parameters = _conditions(filters, cursor, moment)
    statement = _page(conditions, merged=filters.event_name is None, limit=size + offset, offset=offset)
    # How its events are best found depends on how many a customer has, or a condition lets through; of all there are always many.
    return _read(statement, parameters, prepared=filters.customer_id is None and filters.where is None)


@lru_cache(256)
def _page(conditions: tuple[str, ...], *, merged: bool, limit: int, offset: int) -> str:
    """Compose a page's statement. merged: of all names.  The numbers stand in it, or a plan that is kept would be made for any."""
    events = (_NEWEST_OF_EACH_NAME if merged else _NEWEST).format(
        conditions=_all(conditions), limit=sql.Literal(limit), twice=sql.Literal(2 * limit)
    )
    return _shown(_CUT.format(events=events, offset=sql.Literal(offset)))


@dataclass(frozen=True)
class Fitting:
    """Events that fit a condition. looked_to: where the look for more ended before the log did, None where it did not."""

    events: list[LoggedEvent]
    looked_to: Cursor | None


def fitting(*, filters: Filters, size: int, most: int, cursor: Cursor | None = None, moment: str | None = None) -> Fitting:
    """Return at most `size` events after `cursor` that fit `filters.where`, out of `most` that fit the rest of the filters.

    A condition that hardly any event fits would otherwise read the whole log for one page. The condition may call the event `e`; a
    name or a customer must be given.
    """
    texts, parameters = _conditions(replace(filters, where=None), cursor, moment)
    conditions = _all(texts)
    bound = {**parameters, "log_most": most, "log_limit": size}
    where = sql.SQL("true") if filters.where is None else filters.where
    found = _read(_shown(_FITTING.format(conditions=conditions, where=where)), bound)
    if len(found) == size:
        return Fitting(found, None)
    with connection.cursor() as rows:
        rows.execute(_END_OF_LOOK.format(conditions=conditions), bound)
        end = rows.fetchone()
    return Fitting(found, Cursor(*end) if end else None)


def find(event_id: str) -> LoggedEvent | None:
    """Return the event with this id, or None."""
    events = sql.SQL("SELECT * FROM events_event WHERE key = %(log_key)s AND event_id = %(log_event_id)s")
    found = _read(_shown(events), {"log_key": UUID(identity(event_id)), "log_event_id": event_id})
    return found[0] if found else None


def find_all(keys: Collection[UUID]) -> dict[UUID, LoggedEvent]:
    """Return the events with these keys; one that does not exist is left out."""
    events = sql.SQL("SELECT * FROM events_event WHERE key = ANY(%(log_keys)s)")
    return {event.key: event for event in _read(_shown(events), {"log_keys": list(keys)})}


def present(event_ids: Collection[str]) -> set[str]:
    """Return those of some event ids that are in the log."""
    return _ids("SELECT event_id FROM events_event WHERE key = ANY(%s)", event_ids)


def written_now(event_ids: Collection[str]) -> set[str]:
    """Return those of some event ids that this very transaction has written."""
    return _ids("SELECT event_id FROM events_event WHERE key = ANY(%s) AND log_xid = pg_current_xact_id()", event_ids)


def _ids(statement: str, event_ids: Collection[str]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [[UUID(identity(event_id)) for event_id in event_ids]])
        return {event_id for (event_id,) in cursor.fetchall()}


def now() -> str:
    """Return this moment in the log as text for page()."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT log_epoch || '/' || pg_current_snapshot() FROM core_deployment")
        row = cursor.fetchone()
    return str(row[0])


def _conditions(filters: Filters, cursor: Cursor | None, moment: str | None) -> tuple[tuple[str, ...], dict[str, Any]]:
    parts = ["true"]
    parameters: dict[str, Any] = dict(filters.parameters)

    def add(condition: str, **bound: Any) -> None:
        parts.append(condition)
        parameters.update(bound)

    if filters.customer_id is not None:
        add("customer_id = %(log_customer)s", log_customer=filters.customer_id)
    if filters.event_name is not None:
        add("event_name_id = (SELECT id FROM events_eventname WHERE name = %(log_name)s)", log_name=filters.event_name)
    if filters.start is not None:
        add('"timestamp" >= %(log_start)s', log_start=filters.start)
    if filters.end is not None:
        add('"timestamp" < %(log_end)s', log_end=filters.end)
    if cursor is not None:
        bound = {"log_timestamp": cursor.timestamp, "log_arrival": cursor.arrival}
        add('"timestamp" <= %(log_timestamp)s AND NOT ("timestamp" = %(log_timestamp)s AND arrival <= %(log_arrival)s)', **bound)
    if moment:
        epoch, _, snapshot = moment.partition("/")
        add(
            "(log_epoch < %(log_epoch)s OR log_epoch = %(log_epoch)s AND pg_visible_in_snapshot(log_xid, %(log_snapshot)s::pg_snapshot))",
            log_epoch=int(epoch),
            log_snapshot=snapshot,
        )
    if filters.where is not None:
        parts.append(f"({filters.where.as_string()})")
    return tuple(parts), parameters


def _all(conditions: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(" AND ").join([sql.SQL(cast(LiteralString, condition)) for condition in conditions])


def _shown(events: sql.Composable) -> str:
    return _SHOWN.format(events=events).as_string()


def _read(statement: str, parameters: Mapping[str, Any], *, prepared: bool = False) -> list[LoggedEvent]:
    rows = database.ask(statement, parameters, prepared=prepared)
    shown: list[tuple[Any, ...]] = [(*row[:-2], exact_json.of_jsonb(row[-2]), row[-1]) for row in rows]
    return [LoggedEvent(*row) for row in shown]
