"""Read one meter's usage by customer with what it costs; the total of a page is the sum of these rows (semantics 30)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Prefetch

from core.money import exact
from core.periods import Period
from customers.models import Customer
from dashboard.reading.ranges import Range
from invoices import preview
from invoices.charge import MeteredUsage, charge
from meters import series, usage
from meters.models import Meter
from meters.usage import UsageRequest
from products import terms
from products.cycles import NoSuchCycle
from products.models import SubscriptionMeter, SubscriptionPhase
from products.terms import MeterTerms

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class CustomerUsage:
    """What one customer used. quantity: None is no value.  period: the customer's own cycle, or the range."""

    customer_id: int
    quantity: Decimal | None
    event_count: int
    latest_at: datetime | None
    period: Period


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


def by_customer(meter: Meter, chosen: Range, *, now: datetime) -> list[CustomerUsage]:
    """Give each customer's usage, the greatest first. Raises RangeTooLarge."""
    if chosen.by_cycle:
        return _by_cycle(meter, now)
    return [
        CustomerUsage(row.customer_id, row.quantity, row.event_count, row.latest_at, chosen.period)
        for row in series.by_customer(meter_id=meter.pk, period=chosen.period)
        if row.customer_id is not None
    ]


def _by_cycle(meter: Meter, now: datetime) -> list[CustomerUsage]:
    requests = [
        UsageRequest(meter.pk, carried.customer_id, period)
        for carried in _carrying(meter, Period(now, now + INSTANT))
        if (period := _cycle_at(carried, now)) is not None
    ]
    answer = usage.quantities(requests=requests).quantities if requests else {}
    rows = [
        CustomerUsage(request.customer_id, found.quantity, found.event_count, None, request.period)
        for request, found in answer.items()
    ]
    return sorted(rows, key=lambda row: (row.quantity is None, -(row.quantity or 0), row.customer_id))


@exact()
def total(rows: Iterable[CustomerUsage]) -> Decimal | None:
    """Add the customers' quantities up; None where none has a value."""
    quantities = [row.quantity for row in rows if row.quantity is not None]
    return sum(quantities, Decimal(0)) if quantities else None


def _carrying(meter: Meter, period: Period) -> list[SubscriptionMeter]:
    """Read the subscriptions that carry the meter at some time of a period, the latest last."""
    phases = Prefetch("subscription__phases", queryset=SubscriptionPhase.objects.order_by("first_cycle"))
    return list(
        SubscriptionMeter.objects.filter(meter=meter, during__overlap=DateTimeTZRange(period.start, period.end))
        .select_related("subscription")
        .prefetch_related(phases)
        .order_by("during", "id")
    )


def _phase_at(phases: Iterable[SubscriptionPhase], instant: datetime) -> SubscriptionPhase:
    """Give the phase that an instant lies in, or the first one where the subscription began later."""
    ordered = list(phases)
    return next((phase for phase in reversed(ordered) if phase.starts_at <= instant), ordered[0])


def _cycle_at(carried: SubscriptionMeter, instant: datetime) -> Period | None:
    subscription = carried.subscription
    schedule = terms.schedule(subscription.phases.all(), zone=settings.BILLING_TIME_ZONE, ends_at=subscription.ends_at)
    try:
        return schedule.cycle(schedule.cycle_at(instant))
    except NoSuchCycle:
        return None


def rows(meter: Meter, used: Sequence[CustomerUsage], chosen: Range, *, now: datetime) -> list[Row]:
    """Say of some customers' usage whose it is and what it costs. A fixed number of queries."""
    customers = Customer.objects.in_bulk([one.customer_id for one in used])
    charged = _live(meter, used, now) if chosen.by_cycle else _as_one_cycle(meter, used, chosen.period)
    return [Row(customers[one.customer_id], one, charged.get(one.customer_id, Charged())) for one in used]


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
    carried = {one.customer_id: one for one in _carrying(meter, period)}
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
