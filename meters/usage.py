"""Answer how much was used, exact at the moment of asking: rollups for what is rolled up, raw events for the rest.

`quantities` and `recompute` answer the same; the second reads only raw events, through the Python meaning of meters.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from msgspec import Struct

from core.errors import DomainError
from core.exact_json import loads
from core.periods import Period
from meters import meter_sql, pieces, stored, windows
from meters.aggregation import AGGREGATIONS, Reading
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.meter_sql import Snapshot
from meters.query import Asked, Query
from meters.stored import Standing

# Ends of time that zones and PostgreSQL can still reckon with; no event lies beyond.
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 1, 1, tzinfo=UTC)


class PeriodOutOfReach(DomainError):
    """The period lies before or after all that can be reckoned with."""

    code = "PERIOD_OUT_OF_REACH"


class UsageRequest(Struct, frozen=True):
    """One meter, one customer, by primary keys, and a half-open period."""

    meter_id: int
    customer_id: int
    period: Period


class Quantity(Struct, frozen=True):
    """quantity: in the meter's unit; None is no value (max and last of nothing).  event_count: the events it is made of."""

    quantity: Decimal | None
    event_count: int


@dataclass(frozen=True)
class UsageAnswer:
    """A quantity for every request, and which events the one statement saw that counted them."""

    quantities: dict[UsageRequest, Quantity]
    snapshot: Snapshot


def quantities(*, requests: Sequence[UsageRequest], at: Snapshot | None = None) -> UsageAnswer:
    """Count any number of meters, customers and periods in one statement.

    at: count what an earlier statement saw, from raw events. Raises Meter.DoesNotExist.
    """
    wanted = list(dict.fromkeys(requests))
    counted, snapshot = _count(wanted, pieces.standing(request.meter_id for request in wanted), at)
    return UsageAnswer(dict(zip(wanted, counted, strict=True)), snapshot)


def in_order(requests: Sequence[UsageRequest], *, found: Standing) -> tuple[list[Quantity], Snapshot]:
    """Count as `quantities` does, but answer in the order of the requests, of which none is there twice.

    found: the requests' meters, as stored.standing gives them.
    """
    return _count(requests, found, None)


def _count(requests: Sequence[UsageRequest], found: Standing, at: Snapshot | None) -> tuple[list[Quantity], Snapshot]:
    definitions = found.definitions
    rows = pieces.run(found, lambda standing: _statement(requests, replace(standing, definitions=definitions), at), moved_back=2)
    empty = {meter_id: nothing(definition) for meter_id, definition in definitions.items()}
    answer = [empty[request.meter_id] for request in requests]
    for _epoch, _snapshot, _moved_back, number, quantity, event_count in rows:
        if number is not None:
            answer[number] = Quantity(quantity, event_count)
    return answer, at or Snapshot(rows[0][0], rows[0][1])


def _statement(requests: Sequence[UsageRequest], standing: Standing, at: Snapshot | None) -> pieces.Statement:
    only_raw = standing.definitions.keys() if at else standing.behind
    # A billing run asks for the same few, thousands of times each. By identity, for equal ones are mostly one and the same.
    spans: dict[tuple[int, bool], windows.Span] = {}
    asked = []
    for request in requests:
        raw = request.meter_id in only_raw
        if (span := spans.get((id(request.period), raw))) is None:
            span = spans[id(request.period), raw] = _span(request.period, raw)
        asked.append(Asked(request.meter_id, request.customer_id, span))
    query = Query(asked, standing, "rolled_days", at=at)
    text, bound = _text(query)
    return pieces.Statement(text, {**bound, **pieces.bound(query)}, prepared=query.few_customers)


# Composing costs a small question as much as answering it.
_TEXTS: dict[Hashable, tuple[str, Mapping[str, Any]]] = {}
MOST_TEXTS = 200


def _text(query: Query) -> tuple[str, Mapping[str, Any]]:
    """Compose the statement, with the parameters that the meters bind; one of the same shape is not composed again."""
    if query.at is not None:
        return _composed(query)
    shape = query.shape
    if (found := _TEXTS.get(shape)) is None:
        if len(_TEXTS) >= MOST_TEXTS:
            _TEXTS.clear()
        found = _TEXTS[shape] = _composed(query)
    return found


def _composed(query: Query) -> tuple[str, Mapping[str, Any]]:
    parameters = Parameters()
    statement = template("quantities").format(
        pieces=pieces.compose(query, parameters),
        merged=pieces.merged(query),
        moved_back=template("moved_back"),
        quantity=pieces.quantity(query),
    )
    return statement.as_string(), parameters.bound


def nothing(definition: Definition) -> Quantity:
    """Give the quantity of no events."""
    return Quantity(AGGREGATIONS[definition.aggregation].fold(()), 0)


def within_reach(period: Period) -> Period:
    """Cut an open period to what can hold events. Raises PeriodOutOfReach where nothing is left."""
    if period.end <= EARLIEST or period.start >= LATEST:
        raise PeriodOutOfReach(
            f"No event lies before the year {EARLIEST.year} or after {LATEST.year - 1}. Take a period between."
        )
    return Period(max(period.start, EARLIEST), min(period.end, LATEST))


def _span(period: Period, raw: bool) -> windows.Span:
    period = within_reach(period)
    return windows.raw(period) if raw else windows.in_days(period, settings.BILLING_TIME_ZONE)


@dataclass(frozen=True)
class CountedEvent:
    """An event that a meter counts, with what it adds."""

    event_id: str
    reading: Reading


def counted_events(
    *, definition: Definition, customer_id: int, period: Period, at: Snapshot | None = None
) -> Iterator[CountedEvent]:
    """Stream the very events that make a customer's quantity, in order of arrival, judged by the Python meaning alone."""
    parameters = Parameters()
    statement = template("raw_events").format(not_voided=meter_sql.voided_at(at, parameters), seen=meter_sql.seen(at, parameters))
    reach = within_reach(period)
    bound: dict[str, Any] = {
        "event_name": definition.event_name,
        "customer": customer_id,
        "starts_at": reach.start,
        "ends_at": reach.end,
    }
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, **bound})
        for event_id, timestamp, arrival, metadata in cursor:
            number = definition.counts(event_name=definition.event_name, timestamp=timestamp, metadata=loads(metadata))
            if number is not None:
                yield CountedEvent(event_id, Reading(timestamp, arrival, number))


def recompute(*, requests: Sequence[UsageRequest], at: Snapshot | None = None) -> dict[UsageRequest, Quantity]:
    """Count the same as `quantities` from raw events only, event by event; for verification, not for pages.

    Consistent with one moment only where `at` is given or nothing arrives meanwhile. Raises Meter.DoesNotExist.
    """
    definitions = stored.definitions(request.meter_id for request in requests)
    answer = {}
    for request in requests:
        definition = definitions[request.meter_id]
        events = counted_events(definition=definition, customer_id=request.customer_id, period=request.period, at=at)
        readings = [event.reading for event in events]
        answer[request] = Quantity(AGGREGATIONS[definition.aggregation].fold(readings), len(readings))
    return answer
