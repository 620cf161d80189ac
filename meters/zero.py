"""Say why a meter shows nothing: the likely causes in order, each with how many events it explains (semantics 32 for the bounds).

It reads the newest events only, for a limited time, and says so. Who reads this is looking at a blank zero: a guess that names an event
is worth more than a proof.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import connection
from psycopg import sql

from core.limits import TookTooLong, within
from core.periods import Period
from core.text import gettext_noop as _
from customers.models import Customer
from events import catalogue, log
from events.log import Filters
from events.models import Event
from meters import filter_sql, meter_sql, series, stored, usage, verdicts
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.filters import Clause, Condition
from meters.meter_sql import METADATA, NOT_VOIDED
from meters.models import Meter
from meters.usage import Quantity

READ_EVENTS = 100_000
READ_SECONDS = 2
FEWER_EVENTS = 1_000
"""What is read when the newest 100,000 take too long."""
SAMPLES = 3
CLOCK_SKEW = timedelta(days=1)
"""Refused requests carry no time of their events that can be trusted: the receipt stands for it, with a day to spare."""

Kind = Literal[
    "no_events", "name_never_received", "near_name", "filter", "property_missing", "property_is_string", "property_not_numeric",
    "outside_period", "archived", "voided", "refused",
]  # fmt: skip

# The order in which the causes are told.
CAUSES: Mapping[Kind, str] = {
    "no_events": _("No event of this customer was ever received."),
    "name_never_received": _("No event of the name that the meter counts was received, at any time."),
    "near_name": _("Events came under a name that differs only in capital letters or spaces."),
    "filter": _("A clause of the filter keeps events out."),
    "property_missing": _("Events lack the property that the meter reads."),
    "property_is_string": _("Events carry the property that the meter reads as text, not as a number."),
    "property_not_numeric": _("Events carry the property that the meter reads as something else than a number."),
    "outside_period": _("Events of the name came, but none with a timestamp in this time."),
    "archived": _("The meter was archived at the time of the events."),
    "voided": _("Events were voided."),
    "refused": _("Events were refused when they were sent."),
}


@dataclass(frozen=True)
class Cause:
    """One likely cause. count: how many events it explains; latest_at: the newest of them; samples: ids of the newest, at most three.

    path, clause: which part of the filter; event_name: which other name; code: why they were refused.
    """

    kind: Kind
    count: int = 0
    latest_at: datetime | None = None
    samples: tuple[str, ...] = ()
    path: str | None = None
    clause: Clause | None = None
    event_name: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Zero:
    """What a meter shows, and the likely causes why it is not more, in order.

    read_count: how many events of the meter's name were looked at, the newest.  is_complete: these are all there are in the period.
    """

    quantity: Quantity
    causes: Sequence[Cause]
    read_count: int
    is_complete: bool


@dataclass(frozen=True)
class Question:
    """A meter, a customer or all of them, and a half-open period of event timestamps."""

    meter: Meter
    customer: Customer | None
    period: Period


@dataclass(frozen=True)
class _Group:
    """Events of one kind as a statement counts them."""

    key: str
    count: int
    latest_at: datetime
    samples: tuple[str, ...]


def explain(*, meter: Meter, customer: Customer | None, period: Period) -> Zero:
    """Look for the causes. Nothing is written; it answers also where the meter counted something, with what it left out."""
    question = Question(meter, customer, usage.within_reach(period))
    definition = stored.definitions([meter.pk])[meter.pk]
    groups, limit = _sorted_out(question, definition)
    read_count = sum(group.count for group in groups)
    found = [*_near_names(question), *_kept_out(groups, definition), *_refused(question)]
    if not groups:
        found += _outside(question)
    shown = series.total(meter_id=meter.pk, period=question.period, customer_id=customer.pk if customer else None)
    order = list(CAUSES)
    return Zero(
        quantity=Quantity(shown.quantity, shown.event_count),
        causes=sorted(found, key=lambda cause: order.index(cause.kind)),
        read_count=read_count,
        is_complete=read_count < limit,
    )


def _sorted_out(question: Question, definition: Definition) -> tuple[list[_Group], int]:
    """Sort the newest events of the meter's name by cause; with how many were read at most."""
    parameters = Parameters()
    statement = template("zero").format(customer=_of_customer(question), cause=cause_sql(definition, parameters))
    bound = {**parameters.bound, **_bound(question), "event_name": definition.event_name}
    return _bounded(lambda limit: _read(statement, {**bound, "limit": limit}))


def cause_sql(definition: Definition, parameters: Parameters) -> sql.Composable:
    """Compose what verdicts.verdict gives as the reason: a key of REASONS, for the filter the path of its clause; '' where it counts."""
    arms: list[tuple[sql.Composable, str]] = [(sql.SQL("NOT {}").format(NOT_VOIDED), "voided")]
    for path, clause in verdicts.decisive(definition.filter):
        holds = (
            filter_sql.condition(clause, parameters, metadata=METADATA)
            if isinstance(clause, Condition)
            else filter_sql.where(clause, parameters, metadata=METADATA)
        )
        arms.append((sql.SQL("NOT {}").format(holds), path))
    arms.append((sql.SQL("NOT {}").format(meter_sql.active(definition.active, parameters)), "archived"))
    if definition.over_property is not None:
        kind = sql.SQL("jsonb_typeof({} -> {}::text)").format(METADATA, parameters.add(definition.over_property))
        arms.append((sql.SQL("{} IS NULL").format(kind), "property_missing"))
        arms.append((sql.SQL("{} = 'string'").format(kind), "property_is_string"))
        arms.append((sql.SQL("{} <> 'number'").format(kind), "property_not_numeric"))
    cases = [sql.SQL("WHEN {} THEN {}").format(holds, sql.Literal(name)) for holds, name in arms]
    return sql.SQL("CASE {} ELSE '' END").format(sql.SQL(" ").join(cases))


def _kept_out(groups: Sequence[_Group], definition: Definition) -> Iterator[Cause]:
    """Give the causes within the meter's name, the clauses of the filter by how many events they keep out."""
    clauses = dict(verdicts.decisive(definition.filter))
    for group in sorted(groups, key=lambda group: -group.count):
        if group.key in clauses:
            yield _cause("filter", group, path=group.key, clause=clauses[group.key])
        elif group.key:
            yield _cause(group.key, group)  # type: ignore[arg-type]  # cause_sql names no other


def _near_names(question: Question) -> Iterator[Cause]:
    near = catalogue.near_names(question.meter.event_name)
    if near:
        yield from (_cause("near_name", group, event_name=group.key) for group in _elsewhere(question, near, question.period))


def _outside(question: Question) -> Iterator[Cause]:
    """Say what is known where the period holds no event of the name."""
    events = Event.objects.filter(customer=question.customer) if question.customer else Event.objects.all()
    if question.customer and not log.page(filters=Filters(customer_id=question.customer.pk), size=1):
        yield Cause("no_events")
    elif not events.filter(event_name__name=question.meter.event_name).exists():
        yield Cause("name_never_received")
    else:
        always = Period(usage.EARLIEST, usage.LATEST)
        yield from (_cause("outside_period", group) for group in _elsewhere(question, [question.meter.event_name], always))


def _elsewhere(question: Question, names: Sequence[str], period: Period) -> list[_Group]:
    statement = template("zero_elsewhere").format(customer=_of_customer(question))
    bound = {**_bound(question), "starts_at": period.start, "ends_at": period.end, "names": list(names)}
    return _bounded(lambda limit: _read(statement, {**bound, "limit": limit}))[0]


def _refused(question: Question) -> Iterator[Cause]:
    """Give what was refused of this customer, by any reference that means it, or under this event name."""
    customer, meter = question.customer, question.meter
    if customer is None:
        meant, texts = sql.SQL("r.event_name = ANY(%(references)s)"), [meter.event_name]
    else:
        known = (customer.public_id, customer.external_id, customer.name, customer.email)
        meant = sql.SQL("lower(btrim(r.customer_reference)) = ANY(%(references)s)")
        texts = [text.strip().lower() for text in known if text]
    statement = template("zero_refused").format(customer=meant)
    until = min(question.period.end, usage.LATEST) + CLOCK_SKEW
    bound = {**_bound(question), "references": texts, "refused_until": until}
    groups = _bounded(lambda limit: _read(statement, {**bound, "limit": limit}))[0]
    yield from (_cause("refused", group, code=group.key) for group in groups)


def _cause(kind: Kind, group: _Group, **details: Any) -> Cause:
    return Cause(kind, group.count, group.latest_at, group.samples, **details)


def _of_customer(question: Question) -> sql.Composable:
    return sql.SQL("AND e.customer_id = %(customer)s") if question.customer else sql.SQL("")


def _bound(question: Question) -> dict[str, Any]:
    return {
        "customer": question.customer.pk if question.customer else None,
        "starts_at": question.period.start,
        "ends_at": question.period.end,
        "samples": SAMPLES,
    }


def _bounded(read: Callable[[int], list[_Group]]) -> tuple[list[_Group], int]:
    """Read the newest 100,000, or fewer where that takes longer than two seconds; with how many at most.

    What is too slow even so is left out.
    """
    for limit in (READ_EVENTS, FEWER_EVENTS):
        try:
            with within(READ_SECONDS):
                return read(limit), limit
        except TookTooLong:
            continue
    return [], 0


def _read(statement: sql.Composable, bound: Mapping[str, Any]) -> list[_Group]:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return [_Group(key, count, latest_at, tuple(samples)) for key, count, latest_at, samples in cursor.fetchall()]
