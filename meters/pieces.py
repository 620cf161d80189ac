"""Compose the part that every usage query shares: spans of time, and all that they hold, in pieces that merge without loss."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from meters import meter_sql
from meters.aggregation import AGGREGATIONS
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.meter_sql import Snapshot
from meters.models import RollPosition
from meters.windows import Span

Rollup = Literal["rolled_days", "rolled_quarters"]
NOTHING = sql.SQL("")


@dataclass(frozen=True)
class Asked:
    """One span of one meter; customer_id: of one customer only, else of all (the same for every span of a statement)."""

    meter_id: int
    customer_id: int | None
    span: Span


def compose(
    asked: Sequence[Asked],
    definitions: Mapping[int, Definition],
    parameters: Parameters,
    *,
    rollup: Rollup,
    grouping: sql.Composable | None = None,
    at: Snapshot | None = None,
) -> sql.Composable:
    """Compose the common table expressions up to `piece`; `bound` gives the parameters besides those collected here.

    rollup: the table that spans' whole buckets are read from.  grouping: text that raw events are grouped by (`e`).
    """
    one_customer = bool(asked) and asked[0].customer_id is not None
    return template("pieces").format(
        grouping=grouping or sql.SQL("NULL::text"),
        number=meter_sql.by_meter(definitions, parameters, meter=sql.SQL("m.meter_id")),
        customers_event=sql.SQL("AND e.customer_id = s.customer_id") if one_customer else NOTHING,
        not_voided=meter_sql.voided_at(at, parameters),
        seen=meter_sql.seen(at, parameters),
        rolled=template(rollup).format(
            customers_row=sql.SQL("AND u.customer_id = s.customer_id") if one_customer else NOTHING,
        ),
    )


def bound(asked: Sequence[Asked], definitions: Mapping[int, Definition]) -> dict[str, Any]:
    """Give the parameters of the spans and meters."""
    return {
        "numbers": list(range(len(asked))),
        "meters": [one.meter_id for one in asked],
        "customers": [one.customer_id for one in asked],
        "starts": [one.span.period.start for one in asked],
        "ends": [one.span.period.end for one in asked],
        "whole_starts": [one.span.whole_start for one in asked],
        "whole_ends": [one.span.whole_end for one in asked],
        "first_days": [one.span.first_day for one in asked],
        "end_days": [one.span.end_day for one in asked],
        "meter_ids": list(definitions),
        "aggregations": [definition.aggregation for definition in definitions.values()],
        "event_names": [definition.event_name for definition in definitions.values()],
    }


def quantity(aggregation: sql.Composable) -> sql.Composable:
    """Compose the quantity of a merged tally, whose aggregation the given SQL names."""
    arms = [sql.SQL("WHEN {} THEN {}").format(sql.Literal(row.name), sql.SQL(row.tally_sql)) for row in AGGREGATIONS.values()]
    return sql.SQL("CASE {} {} END").format(aggregation, sql.SQL(" ").join(arms))


def behind(meter_ids: Iterable[int]) -> set[int]:
    """Say which meters have a position of their own; reading their usage from raw events is exact, and faster than their tail."""
    return set(RollPosition.objects.filter(meter__in=list(meter_ids)).values_list("meter_id", flat=True))
