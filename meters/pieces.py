"""Compose the part that every usage query shares: spans of time, and all that they hold, in pieces that merge without loss.

# Note [Usage in one statement]
A span is read from three places: a rollup for its whole buckets; raw events for its edges outside them; and, for the whole buckets, the
tail of the log that the meter's position has not reached. One statement reads all three with the position, so that they are of one
snapshot. The position is read once before, too, as a bound by which the planner sees how short the tail is. Positions only go
forward, but for a rebuild; a statement that finds one before the bound says so (moved_back) and is run again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection
from django.db.models import Q
from psycopg import sql

from core import database
from meters import meter_sql, positions
from meters.aggregation import AGGREGATIONS
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.meter_sql import Snapshot
from meters.models import RollPosition
from meters.positions import LogPosition
from meters.windows import Span

Rollup = Literal["rolled_days", "rolled_quarters"]
NOTHING = sql.SQL("")


@dataclass(frozen=True, slots=True)
class Asked:
    """One span of one meter; customer_id: of one customer only, else of all (the same for every span of a statement).

    Without customers the spans are one meter's, ascending and apart.
    """

    meter_id: int
    customer_id: int | None
    span: Span


@dataclass(frozen=True)
class Standing:
    """How far the meters are rolled up, as read just before a statement.

    behind: the meters with a position of their own. Their usage is read from raw events alone, which is faster than a long tail.
    """

    live_id: int
    bound: LogPosition
    behind: frozenset[int]


def standing(meter_ids: Iterable[int]) -> Standing:
    """Read how far these meters are rolled up."""
    rows = list(RollPosition.objects.filter(Q(meter=None) | Q(meter__in=list(meter_ids))))
    live = next(row for row in rows if row.meter_id is None)
    return Standing(live.id, positions.of(live), frozenset(row.meter_id for row in rows if row.meter_id is not None))


@dataclass(frozen=True)
class Query:
    """What a statement about usage reads.

    rollup: the table that spans' whole buckets are read from.  grouping: SQL text that raw events (`e`) are grouped by.
    at: what an earlier statement saw; then no span may have whole buckets.
    """

    asked: Sequence[Asked]
    definitions: Mapping[int, Definition]
    standing: Standing
    rollup: Rollup
    grouping: sql.Composable | None = None
    at: Snapshot | None = None

    @property
    def one_customer_each(self) -> bool:
        return bool(self.asked) and self.asked[0].customer_id is not None

    @property
    def rolled(self) -> list[Asked]:
        return [one for one in self.asked if one.span.whole_start < one.span.whole_end]

    @property
    def has_edges(self) -> bool:
        return any(one.span.period.start < one.span.whole_start or one.span.whole_end < one.span.period.end for one in self.asked)


def compose(query: Query, parameters: Parameters) -> sql.Composable:
    """Compose the common table expressions up to `piece`; `bound` gives the parameters besides those collected here.

    Parts that no span needs are left out: planning costs more than reading nothing.
    """
    grouping = query.grouping or sql.SQL("NULL::text")
    number = meter_sql.by_meter(query.definitions, parameters, meter=sql.SQL("m.meter_id"))
    voided = meter_sql.voided_at(query.at, parameters)
    expressions: list[sql.Composable] = [template("span")]
    counted: list[sql.Composable] = []
    rolled: sql.Composable = NOTHING
    if query.rolled:
        customers = sql.SQL("AND e.customer_id = ANY(%(customers)s::bigint[])") if query.one_customer_each else NOTHING
        expressions.append(template("tail").format(grouping=grouping, number=number, not_voided=voided, customers=customers))
        counted.append(template("tail_of_customers" if query.one_customer_each else "tail_of_windows"))
        customers = sql.SQL("AND u.customer_id = s.customer_id") if query.one_customer_each else NOTHING
        rolled = template(query.rollup).format(customers=customers)
    if query.has_edges or not query.rolled:
        customers = sql.SQL("AND e.customer_id = s.customer_id") if query.one_customer_each else NOTHING
        seen = meter_sql.seen(query.at, parameters)
        edges = template("edges").format(grouping=grouping, number=number, not_voided=voided, seen=seen, customers=customers)
        counted.append(edges)
    expressions.append(template("piece").format(counted=sql.SQL(" UNION ALL ").join(counted), rolled=rolled))
    return sql.SQL(", ").join(expressions)


def bound(query: Query) -> dict[str, Any]:
    """Give the parameters of the spans and meters."""
    # Many spans are one and the same, and arrays are sent as text: a large billing run asks for thousands.
    columns = {id(one.span): _texts(one.span) for one in query.asked}
    starts, ends, whole_starts, whole_ends, first_days, end_days = (
        zip(*(columns[id(one.span)] for one in query.asked), strict=True) if query.asked else ((),) * 6
    )
    rolled = query.rolled
    return {
        "numbers": database.array(range(len(query.asked))),
        "meters": database.array(one.meter_id for one in query.asked),
        "customers": database.array("NULL" if one.customer_id is None else one.customer_id for one in query.asked),
        "starts": database.array(starts),
        "ends": database.array(ends),
        "whole_starts": database.array(whole_starts),
        "whole_ends": database.array(whole_ends),
        "first_days": database.array(first_days),
        "end_days": database.array(end_days),
        "meter_ids": list(query.definitions),
        "aggregations": [definition.aggregation for definition in query.definitions.values()],
        "event_names": [definition.event_name for definition in query.definitions.values()],
        "live": query.standing.live_id,
        "bound_epoch": query.standing.bound.epoch,
        "bound_xid": str(query.standing.bound.xid),
        "bound_arrival": query.standing.bound.arrival,
        "rolled_meters": list({one.meter_id for one in rolled}),
        "first_at": min((one.span.whole_start for one in rolled), default=None),
        "end_at": max((one.span.whole_end for one in rolled), default=None),
    }


def _texts(span: Span) -> tuple[str, ...]:
    instants = (span.period.start, span.period.end, span.whole_start, span.whole_end, span.first_day, span.end_day)
    return tuple(instant.isoformat() for instant in instants)


def run(build: Callable[[], tuple[sql.Composable, dict[str, Any]]], *, moved_back: int) -> list[tuple[Any, ...]]:
    """Run the statement that `build` makes, again while a position has moved back; moved_back: the column that tells."""
    while True:
        statement, parameters = build()
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = cursor.fetchall()
        if not rows[0][moved_back]:
            return rows


def quantity(aggregation: sql.Composable) -> sql.Composable:
    """Compose the quantity of a merged tally, whose aggregation the given SQL names."""
    arms = [sql.SQL("WHEN {} THEN {}").format(sql.Literal(row.name), sql.SQL(row.tally_sql)) for row in AGGREGATIONS.values()]
    return sql.SQL("CASE {} {} END").format(aggregation, sql.SQL(" ").join(arms))
