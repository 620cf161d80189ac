"""Say what a meter would have counted of the newest events of its name, before it is made (semantics 32).

At most PREVIEW_EVENTS events are read, in at most about two seconds; the answer says what it read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

from core import limits
from core.errors import DomainError
from core.exact_json import loads
from core.limits import TookTooLong
from core.periods import local_date, local_midnight
from core.text import folded
from customers.models import Customer
from events import catalogue
from meters import blame, filter_sql, filters, meter_sql
from meters.aggregation import AGGREGATIONS
from meters.blame import Blame, Judged
from meters.definition import Definition
from meters.filter_sql import Parameters, template

PREVIEW_EVENTS = 100_000
# First as many events as semantics 32 allows; where they take too long, so many as surely do not. Seconds.
ATTEMPTS = ((PREVIEW_EVENTS, Decimal("1.6")), (5_000, Decimal("0.4")), (500, Decimal("0.2")))
MOST_JUDGEMENTS = 2_000_000
"""Kinds of events, by their verdicts, times conditions squared, which is what blame costs: about a second."""
DAYS = 30
TOP = 5


class PreviewTooSlow(DomainError):
    """Even a few events could not be read in time."""

    code = "PREVIEW_TOO_SLOW"


@dataclass(frozen=True)
class DayUsage:
    """What a day of the billing zone would have come to."""

    on: date
    quantity: Decimal | None
    event_count: int


@dataclass(frozen=True)
class CustomerUsage:
    """What one customer's events would have come to."""

    customer: Customer
    quantity: Decimal | None
    event_count: int


@dataclass(frozen=True)
class Preview:
    """What was read, how it was judged, and what it comes to.

    read_count: of at most `limit`; oldest_at: the first instant of what was read.  The states add up to read_count: void_count,
    inactive_count (sent while the meter was archived), excluded_count (by the filter), property_missing, property_text (a string),
    property_other, counted_count.  near_names, near_keys: what differs from what the definition asks for only in case or spaces.
    """

    definition: Definition
    read_count: int
    limit: int
    oldest_at: datetime | None
    states: Mapping[str, int]
    clauses: Sequence[Blame]
    days: Sequence[DayUsage]
    customers: Sequence[CustomerUsage]
    customer_count: int
    quantity: Decimal | None
    near_names: Sequence[str]
    near_keys: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether every event of the name was read."""
        return self.read_count < self.limit

    @property
    def zero(self) -> str:
        """Why nothing was counted: the state of most events, or `unknown` where there are none; empty where something was."""
        if self.states["counted"]:
            return ""
        if not self.read_count:
            return "unknown"
        return max((state for state in STATES if state != "counted"), key=lambda state: self.states[state])


STATES = ("counted", "excluded", "missing", "text", "other", "inactive", "void")


def preview(definition: Definition) -> Preview:
    """Count the newest events of the definition's name. Raises PreviewTooSlow."""
    newest_at = _newest_at(definition.event_name)
    dates = _dates(newest_at)
    for limit, seconds in ATTEMPTS:
        row = _read(definition, dates, limit, seconds)
        if row is not None and _is_affordable(definition, row):
            return _preview(definition, dates, limit, row)
    raise PreviewTooSlow(
        "The newest events could not be read within two seconds. The meter itself counts all of them, in its own time."
    )


def _newest_at(event_name: str) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(timestamp) FROM events_event WHERE event_name_id = (SELECT id FROM events_eventname WHERE name = %s)",
            [event_name],
        )
        newest: datetime | None = cursor.fetchone()[0]
        return newest


def _dates(newest_at: datetime | None) -> list[date]:
    """List the days that the preview shows, ascending: those up to the newest event's."""
    if newest_at is None:
        return []
    latest = local_date(newest_at, settings.BILLING_TIME_ZONE)
    return [latest - timedelta(days=ago) for ago in reversed(range(DAYS))]


def _read(definition: Definition, dates: Sequence[date], limit: int, seconds: Decimal) -> tuple[Any, ...] | None:
    """Run the statement; None where it took too long."""
    statement, parameters = _statement(definition, dates, limit)
    try:
        with limits.within(seconds), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
            cursor.execute(statement, parameters)
            found: tuple[Any, ...] = cursor.fetchone()
            return found
    except TookTooLong:
        return None


def _is_affordable(definition: Definition, row: tuple[Any, ...]) -> bool:
    """Say whether judging what was read is quick: dozens of conditions can sort 100,000 events into as many kinds."""
    return len(loads(row[2])) * len(list(filters.conditions(definition.filter))) ** 2 <= MOST_JUDGEMENTS


def _statement(definition: Definition, dates: Sequence[date], limit: int) -> tuple[sql.Composable, dict[str, Any]]:
    parameters = Parameters()
    verdicts = [
        filter_sql.verdict(condition, parameters, metadata=meter_sql.METADATA)
        for _path, condition in filters.conditions(definition.filter)
    ]
    statement = template("preview").format(
        aggregation=sql.SQL("{}::text").format(sql.Literal(definition.aggregation)),
        verdicts=sql.SQL("concat({})").format(sql.SQL(", ").join(verdicts)) if verdicts else sql.SQL("''"),
        active=meter_sql.active(definition.active, parameters),
        property=_property(definition, parameters),
        number=meter_sql.contribution(definition, parameters),
        tally=template("tally"),
        quantity=sql.SQL(AGGREGATIONS[definition.aggregation].tally_sql),
    )
    bound = {
        "event_name": definition.event_name,
        "limit": limit,
        "midnights": [local_midnight(day, settings.BILLING_TIME_ZONE) for day in dates],
        "top": TOP,
    }
    return statement, {**parameters.bound, **bound}


def _property(definition: Definition, parameters: Parameters) -> sql.Composable:
    """Compose how an event carries what is aggregated: counted (it can be), missing, text, other."""
    if definition.over_property is None:
        return sql.SQL("'counted'")
    return sql.SQL(
        "CASE jsonb_typeof(e.metadata -> {}::text) WHEN 'number' THEN 'counted' WHEN 'string' THEN 'text' WHEN 'boolean' THEN 'other' "
        "ELSE 'missing' END"
    ).format(parameters.add(definition.over_property))


def _preview(definition: Definition, dates: Sequence[date], limit: int, row: tuple[Any, ...]) -> Preview:
    read_count, oldest_at, alike, by_day, by_customer, quantity, customer_count = row
    judged = [(Judged(verdicts, count), state) for verdicts, state, count in loads(alike)]
    states = dict.fromkeys(STATES, 0)
    for one, state in judged:
        let_in = state == "void" or blame.passed(definition.filter, one)
        states[state if let_in else "excluded"] += one.event_count
    clauses = blame.blame(definition.filter, [one for one, state in judged if state != "void"])
    return Preview(
        definition=definition,
        read_count=read_count,
        limit=limit,
        oldest_at=oldest_at,
        states=states,
        clauses=clauses,
        days=_days(definition, dates, oldest_at, {day: (quantity, count) for day, quantity, count in loads(by_day)}),
        customers=_customers(loads(by_customer)),
        customer_count=customer_count,
        quantity=AGGREGATIONS[definition.aggregation].fold(()) if quantity is None else quantity,
        near_names=catalogue.near_names(definition.event_name),
        near_keys=_near_keys(definition),
    )


def _days(
    definition: Definition, dates: Sequence[date], oldest_at: datetime | None, found: Mapping[int, tuple[str | None, int]]
) -> list[DayUsage]:
    """Put the days in order, from the first that was read whole or in part; a day without events is an empty one."""
    if oldest_at is None:
        return []
    first = local_date(oldest_at, settings.BILLING_TIME_ZONE)
    nothing = AGGREGATIONS[definition.aggregation].fold(())
    shown = []
    for number, on in enumerate(dates, 1):
        quantity, count = found.get(number, (None, 0))
        if on >= first:
            shown.append(DayUsage(on, nothing if quantity is None else Decimal(quantity), count))
    return shown


def _customers(rows: Sequence[tuple[int, str | None, int]]) -> list[CustomerUsage]:
    customers = Customer.objects.in_bulk([customer_id for customer_id, _quantity, _count in rows])
    return [
        CustomerUsage(customers[customer_id], None if quantity is None else Decimal(quantity), count)
        for customer_id, quantity, count in rows
        if customer_id in customers
    ]


def _near_keys(definition: Definition) -> dict[str, str]:
    """Find, for each key that no event was seen to carry, one that differs only in capital letters or spaces."""
    asked = {condition.key for _path, condition in filters.conditions(definition.filter)}
    if definition.over_property is not None:
        asked.add(definition.over_property)
    known = [one.key for one in catalogue.properties(definition.event_name)] if asked else []
    near = {folded(key): key for key in reversed(known)}
    return {key: near[folded(key)] for key in sorted(asked - set(known)) if folded(key) in near}
