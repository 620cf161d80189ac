"""Show a meter's usage over time and by customer or metadata value, for charts, tables and GET /meters/{id}/usage (semantics 30, 31)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from django.conf import settings
from psycopg import sql

from core.errors import DomainError
from core.exact_json import dumps, loads
from core.limits import TookTooLong, within
from core.periods import Period
from meters import filter_sql, meter_sql, pieces, windows
from meters.aggregation import AGGREGATIONS
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.query import Asked, Query, Rollup
from meters.stored import Standing
from meters.usage import nothing, within_reach
from meters.windows import Window

MAX_ROWS = 10_000
RAW_DAYS = 92
RAW_SECONDS = 5


class RangeTooLarge(DomainError):
    """The answer would have too many rows, or would read too many raw events."""

    code = "RANGE_TOO_LARGE"


@dataclass(frozen=True)
class Question:
    """What is asked of one meter.

    period: must have an end.  zone: of the windows' boundaries.  customer_id: this one only; all if None.  by_customer, by_key: a row for
    each customer, or for each value of a metadata key.  top: only so many groups, the greatest by quantity over the whole period.
    """

    meter_id: int
    period: Period
    window: Window = "none"
    zone: str = "UTC"
    customer_id: int | None = None
    by_customer: bool = False
    by_key: str | None = None
    top: int | None = None


class UsageRow(NamedTuple):
    """One window's usage, of one group where groups were asked for.

    group: the metadata value (None: the property is missing).  latest_at: the latest counted event's timestamp, if any.
    """

    start: datetime
    end: datetime
    customer_id: int | None
    group: Any
    quantity: Decimal | None
    event_count: int
    latest_at: datetime | None


@dataclass(frozen=True)
class _Source:
    """Where the answer is read: which rollup, or raw events alone, which may be too many to wait for."""

    rollup: Rollup
    raw: bool = False


def total(*, meter_id: int, period: Period, customer_id: int | None = None) -> UsageRow:
    """Give the usage of a period: of one customer, or of all, which equals the sum of the Customers tab."""
    return series(Question(meter_id, period, customer_id=customer_id))[0]


def by_customer(*, meter_id: int, period: Period, top: int | None = None) -> list[UsageRow]:
    """Give each customer's usage of a period, greatest first; customers without events are left out. Raises RangeTooLarge."""
    return series(Question(meter_id, period, by_customer=True, top=top))


def series(question: Question) -> list[UsageRow]:
    """Answer a question: every window, also empty ones, ascending; of groups only those with events, greatest first.

    Raises RangeTooLarge saying how to narrow, PeriodOutOfReach, Meter.DoesNotExist, ZoneInfoNotFoundError.
    """
    question = replace(question, period=within_reach(question.period))
    only: list[UsageRow] | None = None
    if question.top is not None and question.window != "none":
        only = series(replace(question, window="none"))
    standing = pieces.standing([question.meter_id])
    cut = list(islice(windows.windows(question.period, question.window, question.zone), MAX_ROWS + 1))
    if len(cut) > MAX_ROWS:
        raise RangeTooLarge(f"The range has more than {MAX_ROWS} windows. Take a shorter range or wider windows.")
    rows = _read(question, standing, cut, only)
    if question.by_customer or question.by_key:
        return rows
    return _with_empty(rows, cut, question, standing.definitions[question.meter_id])


def _source(question: Question, definition: Definition) -> _Source:
    """Choose the rollup that holds the windows whole; raw events where none does (semantics 31). Raises RangeTooLarge."""
    one_by_one = question.customer_id is not None or question.by_customer
    additive = definition.aggregation in ("count", "sum")
    if not one_by_one and not question.by_key and (additive or question.window == "hour"):
        return _Source("rolled_quarters")
    days_fit = question.window == "none" or (question.window != "hour" and question.zone == settings.BILLING_TIME_ZONE)
    if days_fit and not question.by_key:
        return _Source("rolled_days")
    if question.period.end - question.period.start > timedelta(days=RAW_DAYS, hours=1):
        raise RangeTooLarge(
            f"These windows or groups are counted from raw events, at most {RAW_DAYS} days at a time. "
            f"Take a shorter range, or days in the zone {settings.BILLING_TIME_ZONE}."
        )
    return _Source("rolled_days", raw=True)


def _read(question: Question, standing: Standing, cut: Sequence[Period], only: list[UsageRow] | None) -> list[UsageRow]:
    source = _source(question, standing.definitions[question.meter_id])
    limit = question.top if question.top is not None and question.window == "none" else MAX_ROWS + 1
    rows = _run(standing, lambda found: _statement(question, found, source, cut, only, limit), limited=source.raw)
    found = [row for row in rows if row[1] is not None]
    if len(found) > MAX_ROWS:
        raise RangeTooLarge(f"The answer has more than {MAX_ROWS} rows. Take a shorter range, wider windows, or top.")
    return [
        UsageRow(
            cut[number].start, cut[number].end, customer_id, None if group is None else loads(group), quantity, count, latest_at
        )
        for _moved_back, number, customer_id, group, quantity, count, latest_at in found
    ]


def _statement(
    question: Question, standing: Standing, source: _Source, cut: Sequence[Period], only: list[UsageRow] | None, limit: int
) -> pieces.Statement:
    definition = standing.definitions[question.meter_id]
    raw = source.raw or question.meter_id in standing.behind
    parameters = Parameters()
    query = Query(
        [Asked(question.meter_id, question.customer_id, _span(period, source.rollup, raw=raw)) for period in cut],
        standing,
        source.rollup,
        grouping=_grouping(question, parameters),
        in_windows=True,
    )
    statement = template("series").format(
        pieces=pieces.compose(query, parameters),
        counted_by=_customer(shown=question.by_customer or _one_by_one(question, definition)),
        span=sql.SQL("span") if len(cut) > 1 else sql.SQL("0"),
        grouping=sql.SQL("grouping") if question.by_key else sql.SQL("NULL::text"),
        only=_only(question, only, parameters),
        merged=pieces.merged(query),
        moved_back=template("moved_back"),
        answer=template("of_each" if question.by_customer else "of_all").format(
            quantity=sql.SQL(AGGREGATIONS[definition.aggregation].tally_sql)
        ),
    )
    return pieces.Statement(statement.as_string(), {**parameters.bound, **pieces.bound(query), "limit": min(limit, MAX_ROWS + 1)})


def _span(period: Period, rollup: Rollup, *, raw: bool) -> windows.Span:
    if raw:
        return windows.raw(period)
    return windows.in_quarters(period) if rollup == "rolled_quarters" else windows.in_days(period, settings.BILLING_TIME_ZONE)


def _one_by_one(question: Question, definition: Definition) -> bool:
    """Whether each customer's quantity is found before they are added; count and sum add up in any order."""
    return definition.aggregation not in ("count", "sum") and question.window != "hour"


def _customer(*, shown: bool) -> sql.Composable:
    return sql.SQL("customer_id") if shown else sql.SQL("NULL::bigint")


def _grouping(question: Question, parameters: Parameters) -> sql.Composable | None:
    """Compose the metadata value as JSON text. Equal numbers are one group, as filters take them: 1.0 and 1 differ as text."""
    if question.by_key is None:
        return None
    key = sql.SQL("{}::text").format(parameters.add(question.by_key))
    number = filter_sql.number(question.by_key, parameters, metadata=meter_sql.METADATA)
    return sql.SQL("COALESCE(trim_scale({})::text, (e.metadata -> {})::text)").format(number, key)


def _only(question: Question, only: list[UsageRow] | None, parameters: Parameters) -> sql.Composable:
    """Compose that a piece belongs to one of the groups that were found to be the greatest."""
    if only is None:
        return sql.SQL("true")
    if question.by_customer:
        return sql.SQL("customer_id = ANY({}::bigint[])").format(parameters.add([row.customer_id for row in only]))
    groups = [dumps(row.group) for row in only if row.group is not None]
    without = sql.SQL("grouping IS NULL") if len(groups) < len(only) else sql.SQL("false")
    return sql.SQL("({} OR grouping::jsonb = ANY({}::jsonb[]))").format(without, parameters.add(groups))


def _run(standing: Standing, build: Callable[[Standing], pieces.Statement], *, limited: bool) -> list[tuple[Any, ...]]:
    """Run a statement; one that may read too many raw events to wait for is stopped after a few seconds."""
    if not limited:
        return pieces.run(standing, build, moved_back=0)
    try:
        with within(RAW_SECONDS):
            return pieces.run(standing, build, moved_back=0)
    except TookTooLong as error:
        raise RangeTooLarge(
            f"Counting this from raw events took longer than {RAW_SECONDS} seconds. Take a shorter range or one customer."
        ) from error


def _with_empty(rows: list[UsageRow], cut: Sequence[Period], question: Question, definition: Definition) -> list[UsageRow]:
    found = {row.start: row for row in rows}
    empty = nothing(definition)
    return [
        found[period.start]._replace(customer_id=question.customer_id)
        if period.start in found
        else UsageRow(period.start, period.end, question.customer_id, None, empty.quantity, empty.event_count, None)
        for period in cut
    ]
