"""Compose the part that every usage query shares: spans of time, and all that they hold, in pieces that merge without loss.

# Note [Usage in one statement]
A span is read from three places: a rollup for its whole buckets; raw events for its edges outside them; and, for the whole buckets, the
tail of the log that the live position has not reached. One statement reads all three with the position, so that they are of one
snapshot. The meters and the position are read once before, too: the position as a bound by which an index finds the tail. Positions only go
forward, but for a rebuild; a statement that finds what was read before no longer true says so (moved_back) and is run again.
A meter with a position of its own is read from raw events alone, which is faster than a long tail.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from core import database
from meters import meter_sql, stored
from meters.aggregation import AGGREGATIONS
from meters.filter_sql import Parameters, template
from meters.query import Query
from meters.stored import Standing
from meters.windows import Span

NOTHING = sql.SQL("")


def compose(query: Query, parameters: Parameters) -> sql.Composable:
    """Compose the common table expressions up to `piece`; `bound` gives the parameters besides those collected here.

    Parts that no span needs are left out: planning costs more than reading nothing.
    """
    expressions: list[sql.Composable] = []
    counted: list[sql.Composable] = []
    rolled: sql.Composable = NOTHING
    if query.is_one_stretch:
        counted.append(_stretch(query, parameters))
    elif query.one_customer_each or query.has_edges or not query.rolled:
        expressions.append(template("span").format(limit=_counted_out(query)))
    if query.is_one_whole:
        expressions.append(template("added_up"))
    if query.rolled:
        expressions.append(tail(query, parameters))
        counted.append(_counted(query))
        rolled = _rolled(query)
    if not query.is_one_stretch and (query.has_edges or not query.rolled):
        counted.append(_edges(query, parameters))
    expressions.append(
        template("piece").format(columns=_raw_columns(query.columns), counted=sql.SQL(" UNION ALL ").join(counted), rolled=rolled)
    )
    return sql.SQL(", ").join(expressions)


def _counted_out(query: Query) -> sql.Composable:
    return sql.SQL("LIMIT {}").format(sql.Literal(len(query.asked))) if query.few_customers else NOTHING


def tail(query: Query, parameters: Parameters) -> sql.Composable:
    """Compose the expressions up to `tail`: what the live position has not reached of the spans' whole buckets."""
    common = {
        "grouping": query.grouping or sql.SQL("NULL::text"),
        "unrolled": template("unrolled"),
        "not_voided_of_tail": template("not_voided_of_tail"),
    }
    definitions = query.standing.definitions
    if query.few_customers:
        return template("tail_of_few").format(number=meter_sql.by_meter(definitions, parameters, meter=_OF_SPAN), **common)
    alone = len(definitions) == 1
    meter = sql.Literal(next(iter(definitions))) if alone else sql.SQL("m.meter_id")
    meters = sql.SQL(
        "JOIN unnest(%(meter_ids)s::bigint[], %(meter_names)s::int[]) AS m (meter_id, name_id) ON m.name_id = e.event_name_id"
    )
    names = sql.SQL("e.event_name_id = %(rolled_name)s" if alone else "e.event_name_id = ANY(%(rolled_names)s::int[])")
    customers = sql.SQL("AND e.customer_id = ANY(%(customers)s::bigint[])") if query.one_customer_each else NOTHING
    return template("tail").format(
        meter=meter,
        meters=NOTHING if alone else meters,
        number=meter_sql.by_meter(definitions, parameters, meter=meter),
        names=names,
        customers=customers,
        after=template("after_in_epoch" if query.standing.is_in_epoch else "after"),
        **common,
    )


_OF_SPAN = sql.SQL("s.meter_id")


def _counted(query: Query) -> sql.Composable:
    if query.few_customers:
        return template("counted_of_few")
    if query.one_customer_each:
        return template("counted_of_customers")
    span, inside = _window(query, sql.Identifier("t", "timestamp"), "rolled_starts", "rolled_ends", "timestamptz")
    return template("counted_in_windows").format(span=span, inside=inside)


def _rolled(query: Query) -> sql.Composable:
    columns = sql.Composed([sql.SQL(", {}").format(sql.Identifier("u", name)) for name in query.columns])
    if query.one_customer_each:
        return template("rolled_days_of_customers").format(columns=columns)
    if query.rollup == "rolled_days":
        span, inside = _window(query, sql.Identifier("u", "day"), "rolled_first_days", "rolled_end_days", "date")
        if query.is_one_whole:
            name = "rolled_whole_latest" if "latest_quantity" in query.columns else "rolled_whole_merged"
            return template(name).format(span=span, columns=columns, merged=merged(query), whole=template("whole_days"))
    else:
        span, inside = _window(query, sql.Identifier("u", "starts_at"), "rolled_starts", "rolled_ends", "timestamptz")
    return template(query.rollup).format(span=span, inside=inside, columns=columns)


def _window(
    query: Query, instant: sql.Composable, starts: str, ends: str, kind: LiteralString
) -> tuple[sql.Composable, sql.Composable]:
    """Compose the number of the rolled span that an instant or day lies in, and that it does not lie between two of them."""
    if len(query.rolled) == 1:
        return sql.Literal(query.asked.index(query.rolled[0])), NOTHING
    array = sql.SQL("{}::" + kind + "[]")
    bucket = sql.SQL("width_bucket({}, {})").format(instant, array.format(sql.Placeholder(starts)))
    span = sql.SQL("(%(rolled_numbers)s::int[])[{}]").format(bucket)
    return span, sql.SQL("AND {} < ({})[{}]").format(instant, array.format(sql.Placeholder(ends)), bucket)


def _edges(query: Query, parameters: Parameters) -> sql.Composable:
    return template("edges").format(
        grouping=query.grouping or sql.SQL("NULL::text"),
        number=meter_sql.by_meter(query.standing.definitions, parameters, meter=_OF_SPAN),
        not_voided=meter_sql.voided_at(query.at, parameters),
        seen=meter_sql.seen(query.at, parameters),
        customers=sql.SQL("AND e.customer_id = s.customer_id") if query.one_customer_each else NOTHING,
    )


def _stretch(query: Query, parameters: Parameters) -> sql.Composable:
    first, latest = query.asked[0], query.asked[-1]
    ends = {
        "event_name": query.standing.event_names[first.meter_id],
        "start": first.span.period.start,
        "end": latest.span.period.end,
    }
    return template("edges_in_windows").format(
        grouping=query.grouping or sql.SQL("NULL::text"),
        number=meter_sql.by_meter(query.standing.definitions, parameters, meter=sql.Literal(first.meter_id)),
        starts=parameters.add([one.span.period.start for one in query.asked]),
        customers=sql.SQL("AND e.customer_id = {}").format(parameters.add(first.customer_id)) if first.customer_id else NOTHING,
        not_voided=meter_sql.voided_at(query.at, parameters),
        seen=meter_sql.seen(query.at, parameters),
        **{name: parameters.add(bound) for name, bound in ends.items()},
    )


def _raw_columns(names: Iterable[str]) -> sql.Composable:
    """Compose what one raw event is worth in each column: its number, but for the order of arrival."""
    worth = {"latest_arrival": sql.SQL("c.arrival")}
    number = sql.SQL("c.number")
    return sql.Composed([sql.SQL(", {} AS {}").format(worth.get(name, number), sql.Identifier(name)) for name in names])


def merged(query: Query) -> sql.Composable:
    """Compose the columns of pieces that are merged."""
    aggregations = dict.fromkeys(definition.aggregation for definition in query.standing.definitions.values())
    columns = [
        sql.SQL(", {}").format(sql.SQL(AGGREGATIONS[name].merged_sql)) for name in aggregations if AGGREGATIONS[name].columns
    ]
    return template("merged").format(columns=sql.Composed(columns))


def bound(query: Query) -> dict[str, Any]:
    """Give the parameters of the spans and meters."""
    windows = {} if query.one_customer_each else _of_windows(query)
    return {**_of_spans(query), **_of_rolled(query), **windows, **_of_meters(query)}


def _of_spans(query: Query) -> dict[str, Any]:
    """Give the spans as places in lists of the few meters and periods that they are of: a large billing run asks for thousands."""
    meters = list(dict.fromkeys([one.meter_id for one in query.asked]))
    meter_places = {meter_id: place for place, meter_id in enumerate(meters, 1)}
    period_places = {id(span): place for place, span in enumerate(query.spans, 1)}
    columns = zip(*map(_texts, query.spans), strict=True) if query.spans else ((),) * 6
    starts, ends, whole_starts, whole_ends, first_days, end_days = map(database.array, columns)
    definitions, names = query.standing.definitions, query.standing.event_names
    return {
        "asked_meters": database.array([meter_places[one.meter_id] for one in query.asked]),
        "asked_periods": database.array([period_places[id(one.span)] for one in query.asked]),
        "customers": database.array([one.customer_id for one in query.asked]),
        "meters": database.array(meters),
        "aggregations": database.array([definitions[meter_id].aggregation for meter_id in meters]),
        "event_names": database.array([names[meter_id] for meter_id in meters]),
        "starts": starts,
        "ends": ends,
        "whole_starts": whole_starts,
        "whole_ends": whole_ends,
        "first_days": first_days,
        "end_days": end_days,
    }


def _texts(span: Span) -> tuple[str, ...]:
    instants = (span.period.start, span.period.end, span.whole_start, span.whole_end, span.first_day, span.end_day)
    return tuple(instant.isoformat() for instant in instants)


def _of_rolled(query: Query) -> dict[str, Any]:
    meters = {one.meter_id for one in query.rolled}
    names = list({query.standing.event_names[meter_id] for meter_id in meters})
    spans = [span for span in query.spans if span.has_whole]
    return {
        "rolled_meters": list(meters),
        "rolled_names": names,
        "rolled_name": next(iter(names), None),
        "meter": query.rolled[0].meter_id if query.rolled else None,
        "first_at": min((span.whole_start for span in spans), default=None),
        "end_at": max((span.whole_end for span in spans), default=None),
        "first_day": min((span.first_day for span in spans), default=None),
        "end_day": max((span.end_day for span in spans), default=None),
    }


def _of_windows(query: Query) -> dict[str, Any]:
    """Give each rolled span, of all customers or of one: few, and ascending."""
    rolled = [(number, one.span) for number, one in enumerate(query.asked) if one.span.has_whole]
    return {
        "rolled_numbers": [number for number, _ in rolled],
        "rolled_starts": [span.whole_start for _, span in rolled],
        "rolled_ends": [span.whole_end for _, span in rolled],
        "rolled_first_days": [span.first_day for _, span in rolled],
        "rolled_end_days": [span.end_day for _, span in rolled],
    }


def _of_meters(query: Query) -> dict[str, Any]:
    standing = query.standing
    return {
        "meter_ids": list(standing.definitions),
        "meter_names": [standing.event_names[meter_id] for meter_id in standing.definitions],
        "live": standing.live_id,
        "epoch": standing.epoch,
        "bound_epoch": standing.bound.epoch,
        "bound_xid": str(standing.bound.xid),
        "bound_arrival": standing.bound.arrival,
        "least_xid": str(standing.bound.xid if standing.is_in_epoch else 0),
    }


def standing(meter_ids: Iterable[int]) -> Standing:
    """Read the meters that a statement is made for. Raises Meter.DoesNotExist, FilterInvalid where a stored filter is none."""
    found = stored.standing(meter_ids)
    for error in found.unreadable.values():
        raise error
    return found


@dataclass(frozen=True)
class Statement:
    """A statement about usage with its parameters. prepared: planning it costs more than running it."""

    text: str
    parameters: Mapping[str, Any]
    prepared: bool = False


def run(found: Standing, build: Callable[[Standing], Statement], *, moved_back: int) -> list[tuple[Any, ...]]:
    """Run the statement that `build` makes of the meters as they stand; moved_back: the column that tells to do it again."""
    while True:
        statement = build(found)
        rows = database.ask(statement.text, statement.parameters, prepared=statement.prepared)
        if not rows[0][moved_back]:
            return rows
        found = standing(found.definitions)


def quantity(query: Query) -> sql.Composable:
    """Compose the quantity of a merged tally of a span `s`."""
    names = list(dict.fromkeys(definition.aggregation for definition in query.standing.definitions.values()))
    if len(names) == 1:
        return sql.SQL(AGGREGATIONS[names[0]].tally_sql)
    arms = [sql.SQL("WHEN {} THEN {}").format(sql.Literal(name), sql.SQL(AGGREGATIONS[name].tally_sql)) for name in names]
    return sql.SQL("CASE s.aggregation {} END").format(sql.SQL(" ").join(arms)) if arms else sql.SQL("NULL::numeric")
