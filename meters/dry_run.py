"""Count history under a changed definition beside the meter's own, and change nothing (semantics 32).

# Note [Dry run]
A job goes through the customers, some at a time, and counts each under both definitions in one statement, from raw events, as the snapshot
saw them that the first step took: so all figures are of one moment, however long it takes and whatever arrives meanwhile. What it
remembers does not grow with the events: sums, a few samples, and the customers with the greatest differences; all of them are in the CSV.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from time import monotonic_ns
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from access.actors import Actor
from core.errors import DomainError
from core.exact_json import dumps, loads
from core.money import exact, plain
from core.sheets import csv_lines
from customers.models import Customer
from jobs import start
from jobs.models import Job
from jobs.run import Run
from meters import meter_sql, stored
from meters.aggregation import AGGREGATIONS
from meters.definition import Definition
from meters.filter_sql import TRUE, Parameters, template
from meters.meter_sql import Snapshot
from meters.models import Meter

KIND = "meter_dry_run"
FILE = "differences.csv"
HEADER = ("customer_id", "customer", "old_quantity", "new_quantity", "difference", "events_in", "events_out", "events_changed")
SAMPLES = 10
GREATEST = 200
FIRST_STEP = 20
LARGEST_STEP = 500
LONG_STEP = 2 * 10**9


class NothingChanged(DomainError):
    """The definition is the meter's own, so that there is nothing to compare."""

    code = "DEFINITION_UNCHANGED"


@dataclass(frozen=True)
class Asked:
    """Two definitions and the timestamps to compare them over; start is included, end is not, None is no bound."""

    old: Definition
    new: Definition
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Difference:
    """One customer's quantities under both definitions, as text; difference: new less old, no value counting as 0."""

    customer: str
    name: str
    old: str | None
    new: str | None
    difference: str
    moved_in: int
    moved_out: int
    changed: int


@dataclass
class Found:
    """What a dry run has found so far; kept as the job's position. after: the internal id of the customer it is at."""

    epoch: int
    snapshot: str
    step: int
    after: int = 0
    customer_count: int = 0
    differing: int = 0
    old: str = "0"
    new: str = "0"
    moved_in: int = 0
    moved_out: int = 0
    changed: int = 0
    events_in: list[tuple[str, str, str]] = field(default_factory=list)
    events_out: list[tuple[str, str, str]] = field(default_factory=list)
    greatest: list[Difference] = field(default_factory=list)


@transaction.atomic
def begin(
    *, meter: Meter, definition: Definition, starts_at: datetime | None, ends_at: datetime | None, actor: Actor, now: datetime
) -> Job:
    """Start the job. definition: its intervals of activity are replaced by the meter's own. Raises NothingChanged."""
    old = stored.definitions([meter.pk])[meter.pk]
    new = Definition(definition.event_name, definition.aggregation, definition.over_property, definition.filter, old.active)
    if new == old:
        raise NothingChanged("This is what the meter counts already. Change something first.")
    parameters = {
        "meter": meter.public_id,
        "old": dumps(old.to_json()),
        "new": dumps(new.to_json()),
        "start": starts_at.isoformat() if starts_at else None,
        "end": ends_at.isoformat() if ends_at else None,
    }
    return start.start(kind=KIND, parameters=parameters, actor=actor, now=now)


def asked(parameters: Mapping[str, Any]) -> Asked:
    """Read a job's parameters."""
    bounds = [datetime.fromisoformat(text) if (text := parameters[name]) else None for name in ("start", "end")]
    old, new = (Definition.from_json(loads(parameters[name])) for name in ("old", "new"))
    return Asked(old, new, *bounds)


def found(position: Mapping[str, Any]) -> Found | None:
    """Read a job's position; None before its first step."""
    if not position:
        return None
    kept = Found(**position)
    kept.greatest = [Difference(**row) for row in position["greatest"]]
    return kept


def work(run: Run) -> dict[str, Any]:
    """Do the job: customers in the order of their ids, as many at a time as take about a second."""
    question = asked(run.parameters)
    state = found(run.position)
    if state is None:
        state = _begin()
        run.write(FILE, next(csv_lines(header=HEADER, rows=())).encode())
    total = Customer.objects.count()
    while ids := _next_customers(state):
        began = monotonic_ns()
        with transaction.atomic():
            rows = _compare(question, state, ids)
            run.write(FILE, _csv(rows))
            _add(state, rows)
            _sample(question, state, ids, rows)
            state.after, state.customer_count = ids[-1], state.customer_count + len(ids)
            state.step = _next_step(state.step, monotonic_ns() - began)
            run.advance(
                position=asdict(state), done=state.customer_count, total=max(total, state.customer_count), unit="customers"
            )
    return {
        "old_quantity": state.old,
        "new_quantity": state.new,
        "events_in": state.moved_in,
        "events_out": state.moved_out,
        "customers_with_a_difference": state.differing,
    }


def _begin() -> Found:
    with connection.cursor() as cursor:
        cursor.execute("SELECT log_epoch, pg_current_snapshot()::text FROM core_deployment")
        epoch, snapshot = cursor.fetchone()
    return Found(epoch, snapshot, step=FIRST_STEP)


def _next_customers(state: Found) -> list[int]:
    later = Customer.objects.filter(id__gt=state.after).order_by("id")
    return list(later.values_list("id", flat=True)[: state.step])


def _next_step(size: int, nanoseconds: int) -> int:
    """Take more customers where the last step was quick, fewer where it took long."""
    if nanoseconds > LONG_STEP:
        return max(size // 2, 1)
    return min(size * 2, LARGEST_STEP) if nanoseconds * 4 < LONG_STEP else size


def _compare(question: Asked, state: Found, ids: Sequence[int]) -> list[Difference]:
    parameters = Parameters()
    statement = template("dry_run").format(
        judged=_judged(question, state, parameters),
        tally=template("tally"),
        old_quantity=sql.SQL(AGGREGATIONS[question.old.aggregation].tally_sql),
        new_quantity=sql.SQL(AGGREGATIONS[question.new.aggregation].tally_sql),
    )
    bound = {"old_aggregation": question.old.aggregation, "new_aggregation": question.new.aggregation}
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, **_bound(question, ids), **bound})
        rows = cursor.fetchall()
    old_of_none, new_of_none = (AGGREGATIONS[one.aggregation].fold(()) for one in (question.old, question.new))
    return [
        _difference(customer, name, old_of_none if old is None else old, new_of_none if new is None else new, *moved)
        for customer, name, old, new, *moved in rows
    ]


def _judged(question: Asked, state: Found, parameters: Parameters) -> sql.Composable:
    snapshot = Snapshot(state.epoch, state.snapshot)
    in_range = [
        sql.SQL(comparison).format(parameters.add(bound))
        for comparison, bound in (("e.timestamp >= {}", question.start), ("e.timestamp < {}", question.end))
        if bound is not None
    ]
    return template("dry_run_judged").format(
        old=meter_sql.contribution(question.old, parameters),
        new=meter_sql.contribution(question.new, parameters),
        in_range=sql.SQL(" AND ").join(in_range) if in_range else TRUE,
        not_voided=meter_sql.voided_at(snapshot, parameters),
        seen=meter_sql.seen(snapshot, parameters),
    )


def _bound(question: Asked, ids: Sequence[int]) -> dict[str, Any]:
    return {"old_name": question.old.event_name, "new_name": question.new.event_name, "customers": list(ids)}


@exact()
def less(new: str | None, old: str | None) -> Decimal:
    """Give the difference of two quantities written as text; no value counts as 0."""
    return Decimal(new or 0) - Decimal(old or 0)


def _difference(
    customer: str, name: str, old: Decimal | None, new: Decimal | None, moved_in: int, moved_out: int, changed: int
) -> Difference:
    before, after = _text(old), _text(new)
    return Difference(customer, name, before, after, plain(less(after, before)), moved_in, moved_out, changed)


def _text(quantity: Decimal | None) -> str | None:
    return None if quantity is None else plain(quantity)


def _csv(rows: Sequence[Difference]) -> bytes:
    cells = [
        (
            row.customer,
            row.name,
            None if row.old is None else Decimal(row.old),
            None if row.new is None else Decimal(row.new),
            Decimal(row.difference),
            row.moved_in,
            row.moved_out,
            row.changed,
        )
        for row in rows
    ]
    _header, *lines = csv_lines(header=HEADER, rows=cells)
    return "".join(lines).encode()


@exact()
def _add(state: Found, rows: Sequence[Difference]) -> None:
    for row in rows:
        state.old = plain(Decimal(state.old) + Decimal(row.old or 0))
        state.new = plain(Decimal(state.new) + Decimal(row.new or 0))
        state.moved_in += row.moved_in
        state.moved_out += row.moved_out
        state.changed += row.changed
        state.differing += row.difference != "0"
    state.greatest = sorted([*state.greatest, *rows], key=lambda row: (-abs(Decimal(row.difference)), row.customer))[:GREATEST]


DIRECTIONS = {"moved_in": "old IS NULL AND new IS NOT NULL", "moved_out": "new IS NULL AND old IS NOT NULL"}


def _sample(question: Asked, state: Found, ids: Sequence[int], rows: Sequence[Difference]) -> None:
    """Keep a few events that move, while there is room; read again only where the step has some."""
    for name, kept in (("moved_in", state.events_in), ("moved_out", state.events_out)):
        lacking = SAMPLES - len(kept)
        if not lacking or not any(getattr(row, name) for row in rows):
            continue
        parameters = Parameters()
        judged = _judged(question, state, parameters)
        statement = template("dry_run_moved").format(judged=judged, direction=sql.SQL(DIRECTIONS[name]))
        with connection.cursor() as cursor:
            cursor.execute(statement, {**parameters.bound, **_bound(question, ids), "lacking": lacking})
            kept.extend((event_id, at.isoformat(), plain(number)) for event_id, at, number in cursor.fetchall())
