"""List the very events behind a quantity, and those behind a difference of two counts of the same, newest first, page by page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, cast

from django.db import connection
from psycopg import sql

from core import copy_csv
from core.copy_csv import Kind
from core.exact_json import loads
from core.periods import Period
from meters import meter_sql
from meters.definition import Definition
from meters.filter_sql import FALSE, TRUE, Parameters, template
from meters.meter_sql import Snapshot
from meters.usage import within_reach

ROWS_AT_ONCE = 2000
# The columns of the CSV: what each is in sql/behind_csv.sql, and how that is written.
COLUMNS: Mapping[str, tuple[str, Kind]] = {
    "event_id": ("b.event_id", "free"),
    "timestamp": ("b.timestamp", "instant"),
    "received_at": ("b.received_at", "instant"),
    "quantity": ("b.number", "decimal"),
    "change": ("b.change", "text"),
    "changed_at": ("b.changed_at", "instant"),
}
_UNCHANGED: Mapping[str, tuple[str, Kind]] = {"change": ("NULL", "text"), "changed_at": ("NULL", "text")}


@dataclass(frozen=True)
class Asked:
    """What is asked: a customer's usage of a period by a meter's definition, as the statement of a snapshot counted it.

    since: what an earlier statement counted; then only what differs is listed.
    """

    definition: Definition
    customer_id: int
    period: Period
    at: Snapshot | None
    since: Snapshot | None = None


@dataclass(frozen=True, order=True)
class Place:
    """A place in such a list: the event before it."""

    timestamp: datetime
    arrival: int


@dataclass(frozen=True)
class Behind:
    """One event. number: what it adds (1 for count); in a difference below zero where it counts no more.

    change: arrived, voided or restored, and at when; both only say something in a difference.
    """

    event_id: str
    place: Place
    received_at: datetime
    metadata: dict[str, Any]
    number: Decimal
    change: str
    changed_at: datetime


def events(asked: Asked, *, after: Place | None = None, limit: int | None = None) -> Iterator[Behind]:
    """Stream them, newest first (by timestamp, then arrival), those after a place, at most so many."""
    parameters = Parameters()
    statement = _statement(asked, parameters, customer=parameters.add(asked.customer_id), after=after)
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, **_bound(asked), "limit": limit})
        while part := cursor.fetchmany(ROWS_AT_ONCE):
            for event_id, timestamp, arrival, received_at, metadata, number, change, changed_at in part:
                place = Place(timestamp, arrival)
                yield Behind(event_id, place, received_at, loads(metadata), number, change, changed_at)


def csv(asked: Asked) -> Iterator[bytes]:
    """Stream them all as a CSV file, newest first, as PostgreSQL writes it. Only of a difference it says what changed, and when."""
    parameters = Parameters()
    statement = _statement(asked, parameters, customer=parameters.add(asked.customer_id), after=None)
    written = COLUMNS if asked.since else {**COLUMNS, **_UNCHANGED}
    columns = ", ".join(f'{copy_csv.written(expression, kind)} AS "{name}"' for name, (expression, kind) in written.items())
    copied = template("behind_csv").format(columns=sql.SQL(cast(LiteralString, columns)), behind=statement)
    yield from copy_csv.stream(copied, {**parameters.bound, **_bound(asked), "limit": None})


def first_changes(asked: Sequence[Asked]) -> list[datetime | None]:
    """Give for each question when the first of its events came or changed, None without any; those alike for many customers at once."""
    alike: dict[Asked, set[int]] = {}
    for one in asked:
        alike.setdefault(replace(one, customer_id=0), set()).add(one.customer_id)
    first = {
        replace(question, customer_id=customer_id): at
        for question, customers in alike.items()
        for customer_id, at in _first_changes(question, customers)
    }
    return [first.get(one) for one in asked]


def _first_changes(question: Asked, customers: set[int]) -> list[tuple[int, datetime]]:
    parameters = Parameters()
    of_one = _statement(question, parameters, customer=sql.SQL("asked.customer_id"), after=None)
    statement = template("first_changes").format(behind=of_one)
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, **_bound(question), "limit": None, "customers": list(customers)})
        return cursor.fetchall()


def _statement(asked: Asked, parameters: Parameters, *, customer: sql.Composable, after: Place | None) -> sql.Composed:
    seen_then = FALSE if asked.since is None else meter_sql.seen(asked.since, parameters)
    return template("behind").format(
        number=meter_sql.contribution(asked.definition, parameters),
        counts_now=_counts(asked.at, parameters),
        counted_then=FALSE if asked.since is None else _counts(asked.since, parameters),
        is_new=sql.SQL("NOT {}").format(seen_then),
        acted=meter_sql.seen(asked.at, parameters, row="v"),
        customer=customer,
        after=_after(after, parameters),
    )


def _bound(asked: Asked) -> dict[str, Any]:
    reach = within_reach(asked.period)
    return {"event_name": asked.definition.event_name, "starts_at": reach.start, "ends_at": reach.end}


def _counts(at: Snapshot | None, parameters: Parameters) -> sql.Composable:
    return sql.SQL("({} AND {})").format(meter_sql.seen(at, parameters), meter_sql.voided_at(at, parameters))


def _after(place: Place | None, parameters: Parameters) -> sql.Composable:
    if place is None:
        return TRUE
    return sql.SQL("(e.timestamp, e.arrival) < ({}, {})").format(parameters.add(place.timestamp), parameters.add(place.arrival))
