"""Read one meter's usage by customer with what it costs; the total of a page is the sum of these rows (semantics 30)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Prefetch

from core.deployment import billing_zone
from core.money import exact
from core.periods import Period
from customers.models import Customer
from dashboard.reading.ranges import Range
from invoices import preview
from invoices.charge import MeteredUsage, charge
from meters import series, usage
from meters.aggregation import AGGREGATIONS
from meters.models import Meter
from meters.usage import UsageRequest
from products import terms
from products.cycles import NoSuchCycle
from products.models import SubscriptionMeter, SubscriptionPhase
from products.terms import MeterTerms

INSTANT = timedelta(microseconds=1)
MOST_CUSTOMERS = series.MAX_ROWS


@dataclass(frozen=True)
class CustomerUsage:
    """What one customer used. quantity: None is no value.  period: the customer's own cycle, or the range."""

    customer_id: int
    quantity: Decimal | None
    event_count: int
    latest_at: datetime | None
    period: Period


@dataclass(frozen=True)
class Whole:
    """What all customers used. quantity: None is no value."""

    quantity: Decimal | None
    event_count: int
    latest_at: datetime | None


@dataclass(frozen=True)
class Charged:
    """What the usage costs. terms: None where no subscription carries the meter.  amount: minor units.

    is_live: computed as the next invoice will be, credit included; else as if the range were one cycle, before credit.
    """

    terms: MeterTerms | None = None
    free: Decimal | None = None
    credited: Decimal | None = None
    chargeable: Decimal | None = None
    amount: int | None = None
    is_live: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the Customers tab."""

    customer: Customer
    used: CustomerUsage
    charged: Charged


def by_customer(meter: Meter, chosen: Range, *, now: datetime, customer: Customer | None = None) -> list[CustomerUsage]:
    """Give each customer's usage, or that of one, the greatest first: of a range, the MOST_CUSTOMERS greatest at most."""
    if chosen.by_cycle:
        return _by_cycle(meter, _cycles(meter, now, customer))
    if customer is not None:
        found = [series.total(meter_id=meter.pk, period=chosen.period, customer_id=customer.pk)]
    else:
        found = series.by_customer(meter_id=meter.pk, period=chosen.period, top=MOST_CUSTOMERS)
    return [
        CustomerUsage(row.customer_id, row.quantity, row.event_count, row.latest_at, chosen.period)
        for row in found
        if row.customer_id is not None
    ]


def before(meter: Meter, chosen: Range, *, now: datetime, customer: Customer | None = None) -> Decimal | None:
    """Give the quantity of the stretch before: of cycles, the same part of each customer's cycle before this one."""
    if not chosen.by_cycle:
        row = series.total(meter_id=meter.pk, period=chosen.before, customer_id=customer.pk if customer else None)
        return row.quantity
    requests = [
        UsageRequest(meter.pk, customer_id, Period(earlier.start, min(earlier.start + (now - running.start), earlier.end)))
        for customer_id, running, earlier in _cycles(meter, now, customer)
        if earlier is not None
    ]
    found = usage.quantities(requests=requests).quantities if requests else {}
    return _sum(one.quantity for one in found.values())


def always(meter: Meter, customer: Customer | None = None) -> series.UsageRow:
    """Give the usage of all time."""
    return series.total(
        meter_id=meter.pk, period=Period(usage.EARLIEST, usage.LATEST), customer_id=customer.pk if customer else None
    )


class Cycles(NamedTuple):
    """A customer's running cycle, and the one before it unless it is the first."""

    customer_id: int
    running: Period
    earlier: Period | None


def _cycles(meter: Meter, now: datetime, customer: Customer | None) -> list[Cycles]:
    of = None if customer is None else [customer.pk]
    found = []
    for carried in _carrying(meter, Period(now, now + INSTANT), of):
        subscription = carried.subscription
        schedule = terms.schedule(subscription.phases.all(), zone=billing_zone(), ends_at=subscription.ends_at)
        try:
            number = schedule.cycle_at(now)
        except NoSuchCycle:
            continue
        earlier = schedule.cycle(number - 1) if number > 1 else None
        found.append(Cycles(carried.customer_id, schedule.cycle(number), earlier))
    return found


def _by_cycle(meter: Meter, cycles: Sequence[Cycles]) -> list[CustomerUsage]:
    requests = [UsageRequest(meter.pk, one.customer_id, one.running) for one in cycles]
    answer = usage.quantities(requests=requests).quantities if requests else {}
    latest = _latest(meter, requests)
    rows = [
        CustomerUsage(
            request.customer_id,
            found.quantity,
            found.event_count,
            latest.get(request.customer_id) if found.event_count else None,
            request.period,
        )
        for request, found in answer.items()
    ]
    return sorted(rows, key=lambda row: (row.quantity is None, -(row.quantity or 0), row.customer_id))


def _latest(meter: Meter, requests: Sequence[UsageRequest]) -> Mapping[int, datetime | None]:
    """Read each customer's latest counted event since the first of the cycles began: whose cycle counts any, it lies in that."""
    if not requests:
        return {}
    since = Period(min(one.period.start for one in requests), max(one.period.end for one in requests))
    rows = series.by_customer(meter_id=meter.pk, period=since, top=MOST_CUSTOMERS)
    return {row.customer_id: row.latest_at for row in rows if row.customer_id is not None}


def is_cut(chosen: Range, used: Sequence[CustomerUsage]) -> bool:
    """Whether by_customer gave the greatest only, and there may be more."""
    return len(used) >= MOST_CUSTOMERS and not chosen.by_cycle


def whole(meter: Meter, chosen: Range, used: Sequence[CustomerUsage]) -> Whole:
    """Add up what by_customer gave; where that is not all there is, ask for the whole. Of no running cycle there is no value."""
    if not used and not chosen.by_cycle:
        return Whole(AGGREGATIONS[meter.aggregation].fold(()), 0, None)
    if is_cut(chosen, used):
        row = series.total(meter_id=meter.pk, period=chosen.period)
        return Whole(row.quantity, row.event_count, row.latest_at)
    latest_at = max((one.latest_at for one in used if one.latest_at), default=None)
    return Whole(total(used), sum(one.event_count for one in used), latest_at)


def total(rows: Iterable[CustomerUsage]) -> Decimal | None:
    """Add the customers' quantities up; None where none has a value."""
    return _sum(row.quantity for row in rows)


@exact()
def _sum(quantities: Iterable[Decimal | None]) -> Decimal | None:
    known = [one for one in quantities if one is not None]
    return sum(known, Decimal(0)) if known else None


def _carrying(meter: Meter, period: Period, customer_ids: Iterable[int] | None = None) -> list[SubscriptionMeter]:
    """Read the subscriptions, of these customers or of all, that carry the meter at some time of a period, the latest last."""
    of = {} if customer_ids is None else {"customer__in": list(customer_ids)}
    phases = Prefetch("subscription__phases", queryset=SubscriptionPhase.objects.order_by("first_cycle"))
    return list(
        SubscriptionMeter.objects.filter(meter=meter, during__overlap=DateTimeTZRange(period.start, period.end), **of)
        .select_related("subscription")
        .prefetch_related(phases)
        .order_by("during", "id")
    )


def _phase_at(phases: Iterable[SubscriptionPhase], instant: datetime) -> SubscriptionPhase:
    """Give the phase that an instant lies in, or the first one where the subscription began later."""
    ordered = list(phases)
    return next((phase for phase in reversed(ordered) if phase.starts_at <= instant), ordered[0])


def rows(meter: Meter, used: Sequence[CustomerUsage], chosen: Range, *, now: datetime) -> list[Row]:
    """Say of some customers' usage whose it is and what it costs. A fixed number of queries."""
    customers = Customer.objects.in_bulk([one.customer_id for one in used])
    found = charged(meter, used, chosen, now=now)
    return [Row(customers[one.customer_id], one, found.get(one.customer_id, Charged())) for one in used]


def charged(meter: Meter, used: Sequence[CustomerUsage], chosen: Range, *, now: datetime) -> Mapping[int, Charged]:
    """Say what some customers' usage costs, by customer; whoever no subscription bills is left out. A fixed number of queries."""
    return _live(meter, used, now) if chosen.by_cycle else _as_one_cycle(meter, used, chosen.period)


def _live(meter: Meter, used: Sequence[CustomerUsage], now: datetime) -> Mapping[int, Charged]:
    """Take the figures of the running cycles from the preview of their invoices."""
    found = {}
    for shown in preview.of_customers([one.customer_id for one in used], now=now).values():
        line = next((line for line in shown.made.lines if line.meter == meter.pk and line.waterfall), None)
        if line is None or line.waterfall is None or not shown.point.plan.period.contains(now):
            continue
        fall = line.waterfall
        found[shown.point.customer_id] = Charged(
            terms=next(one for one in shown.point.plan.meters if one.meter_id == meter.pk),
            free=fall.free_quantity,
            credited=fall.credited_quantity,
            chargeable=fall.chargeable_quantity,
            amount=line.amount,
            is_live=True,
        )
    return found


def _as_one_cycle(meter: Meter, used: Sequence[CustomerUsage], period: Period) -> Mapping[int, Charged]:
    """Charge each quantity as if the period were one cycle, at the terms in force at its start, before any credit."""
    carried = {one.customer_id: one for one in _carrying(meter, period, (one.customer_id for one in used))}
    product_of = {
        customer_id: _phase_at(one.subscription.phases.all(), period.start).product_id for customer_id, one in carried.items()
    }
    versions = terms.of_products(product_of.values())
    found = {}
    for one in used:
        if one.customer_id not in carried:
            continue
        in_force = terms.in_force(versions[product_of[one.customer_id]], period.start)
        priced = next((priced for priced in in_force.meters if priced.meter_id == meter.pk), None)
        if priced is None:
            continue
        fall = charge(usage=MeteredUsage(period, one.event_count, whole=one.quantity), terms=priced.terms, balances=())
        found[one.customer_id] = Charged(priced, fall.free_quantity, None, fall.chargeable_quantity, fall.charge.amount)
    return found
