"""Change when a running subscription's cycles turn and end: what every verb that does so has in common."""

from datetime import datetime, timedelta

from core.deployment import billing_zone
from core.errors import DomainError
from customers.models import Customer
from products import carried, next_points, terms
from products.cycles import NoSuchCycle, Schedule
from products.models import Product, Subscription, SubscriptionPhase, SubscriptionStatus
from products.subscribe import first_billed_point, schedule_of

MICROSECOND = timedelta(microseconds=1)


class SubscriptionEnded(DomainError):
    code = "SUBSCRIPTION_ENDED"


def locked(subscription: Subscription, now: datetime, *, product: Product | None = None) -> tuple[Subscription, datetime]:
    """Lock the customer, a product that is to be sold, the subscription, in this order; give it as it is now, and when a change counts.

    That is `now`, or the instant behind a later billing point that has its invoice or draft already: what is billed does not change,
    neither by a clock that runs behind nor by a request that waited for the lock. Raises SubscriptionEnded.
    """
    Customer.objects.select_for_update(no_key=True).get(id=subscription.customer_id)
    if product is not None:
        Product.objects.select_for_update(no_key=True).get(id=product.id)
    subscription = Subscription.objects.select_for_update(no_key=True).get(id=subscription.id)
    if (billed := _billed_until(subscription)) is not None:
        now = max(now, billed + MICROSECOND)
    # One that was cancelled before its start lies in the past as well: it can neither be kept nor moved.
    if subscription.status == SubscriptionStatus.CANCELLED or (subscription.ends_at is not None and subscription.ends_at <= now):
        raise SubscriptionEnded(f"Subscription {subscription.public_id} has ended.")
    return subscription, now


def _billed_until(subscription: Subscription) -> datetime | None:
    """Give the latest billing point that has its invoice or draft; None where none of those that are billed here has."""
    point = _next_point(subscription)
    at = schedule_of(subscription).point_at(point - 1) if point else None
    return None if at is None or at < (subscription.bill_from or at) else at


def stored_phases(subscription: Subscription) -> tuple[list[SubscriptionPhase], Schedule]:
    """Read a subscription's phases, and their schedule as if it went on for ever."""
    stored = list(subscription.phases.select_related("product").order_by("first_cycle"))
    return stored, terms.schedule(stored, zone=billing_zone(), ends_at=None)


def running(schedule: Schedule, now: datetime) -> int:
    """Give the number of the cycle that runs, 1 before the first begins."""
    return 1 if now < schedule.starts_at else schedule.cycle_at(now)


def running_end(schedule: Schedule, now: datetime) -> datetime:
    """Give the end of the running cycle; before the first one begins, its start."""
    try:
        return schedule.cycle(schedule.cycle_at(now)).end
    except NoSuchCycle:
        return schedule.starts_at


def within_cycle(schedule: Schedule, n: int, now: datetime) -> datetime:
    """Give the instant at which running cycle n is cut: now, but never at its very start, where nothing of it would be left."""
    return max(now, schedule.cycle(n).start + MICROSECOND)


def reschedule(subscription: Subscription, ends_at: datetime | None, now: datetime) -> Subscription:
    """Store a subscription with its end (None: open), its next billing point and what it carries. Raises MeterAlreadySubscribed."""
    point = _next_point(subscription)
    subscription.ends_at = ends_at
    subscription.updated_at = now
    subscription.save()
    next_points.store(subscription, point, schedule_of(subscription).point_at(point))
    carried.sync(subscription)
    return subscription


def _next_point(subscription: Subscription) -> int:
    """Give the number of the first point that has no invoice and no draft, where the stored end allows one or not."""
    stored = next_points.of(subscription)
    return _after_the_last(subscription) if stored is None else stored.point


def _after_the_last(subscription: Subscription) -> int:
    """Give the number of the point behind the last one that the stored end allows; all up to that one have their invoices."""
    schedule = schedule_of(subscription)
    if subscription.ends_at is None:
        raise AssertionError("a subscription without an end always has a next billing point")
    numbers = [point.number for point in schedule.points(until=subscription.ends_at)]
    return numbers[-1] + 1 if numbers else first_billed_point(schedule.without_end(), subscription.bill_from)
