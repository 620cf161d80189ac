"""Read subscriptions with their products and running cycles, in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from core.deployment import billing_zone
from core.periods import Period
from customers.models import Customer
from products import next_points, terms
from products.cycles import NoSuchCycle
from products.models import Product, Subscription, SubscriptionPhase


@dataclass(frozen=True)
class Running:
    """A subscription at one instant. product: that of its phase then; cycle: None before the start and after the end.

    next_point_at: the instant of its first billing point without an invoice; None where none is to come.
    """

    subscription: Subscription
    product: Product
    number: int | None
    cycle: Period | None
    quantity: int
    next_point_at: datetime | None


def with_phases(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Read phases, products and next billing points along with the rows."""
    phases = SubscriptionPhase.objects.select_related("product").order_by("first_cycle")
    return rows.select_related("customer", "next_point").prefetch_related(Prefetch("phases", queryset=phases))


def of_customer(customer: Customer, *, now: datetime) -> list[Running]:
    """List a customer's subscriptions, the newest first."""
    return running(with_phases(Subscription.objects.filter(customer=customer).order_by("-id")), now=now)


def running(rows: Iterable[Subscription], *, now: datetime) -> list[Running]:
    """Say of each subscription which product and cycle it has now. rows: read with `with_phases`."""
    return [_running(row, now) for row in rows]


def _running(subscription: Subscription, now: datetime) -> Running:
    rows, coming = list(subscription.phases.all()), next_points.of(subscription)
    next_point_at = coming.point_at if coming else None
    schedule = terms.schedule(rows, zone=billing_zone(), ends_at=subscription.ends_at)
    try:
        number = schedule.cycle_at(now)
    except NoSuchCycle:
        latest = next((row for row in reversed(rows) if row.starts_at <= now), rows[0])
        return Running(subscription, latest.product, None, None, latest.quantity or subscription.quantity, next_point_at)
    phase = terms.phase_of_cycle(rows, number)
    quantity = phase.quantity or subscription.quantity
    return Running(subscription, phase.product, number, schedule.cycle(number), quantity, next_point_at)
