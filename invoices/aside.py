"""Say what a trial or a pause that still lasts has used, and what that would come to. Nothing here is billed or written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.periods import Period
from credits.burndown import PhaseUsage
from invoices import planning
from invoices.charge import MeteredUsage, charge
from invoices.inputs import ADDITIVE
from invoices.planning import UNBILLABLE, Plan, PointKey
from meters import usage
from meters.models import Meter
from meters.usage import UsageRequest
from products import next_points
from products.models import Subscription, SubscriptionStatus


@dataclass(frozen=True)
class UsedAside:
    """One meter's usage. quantity: in its unit, None for no value.  amount: minor units, before minimum, credits and tax."""

    meter: Meter
    quantity: Decimal | None
    event_count: int
    amount: int


@dataclass(frozen=True)
class Aside:
    """A trial or a pause that lasts. until: None where nobody knows.  amount: all meters together, in minor units."""

    since: datetime
    until: datetime | None
    used: Sequence[UsedAside]

    @property
    def amount(self) -> int:
        return sum(one.amount for one in self.used)


def trial(subscription: Subscription, *, now: datetime) -> Aside | None:
    """Give the trial that lasts at `now`, charged as if it were a cycle at the terms of the first one; None outside of one."""
    since, until = subscription.start_at, subscription.trial_ends_at
    if until is None or not since <= now < until or _has_ended(subscription, now):
        return None
    return Aside(since, until, _used(subscription, 1, Period(since, until)))


def pause(subscription: Subscription, *, now: datetime) -> Aside | None:
    """Give the pause that lasts at `now`, its usage so far at the terms of the running cycle; None outside of one."""
    if subscription.status != SubscriptionStatus.PAUSED or _has_ended(subscription, now):
        return None
    latest = subscription.pauses.order_by("-id").first()
    if latest is None or latest.during.lower >= now:
        return None
    since = latest.during.lower
    coming = next_points.of(subscription)
    return Aside(since, None, _used(subscription, max(coming.point, 1) if coming else 1, Period(since, now)))


def _has_ended(subscription: Subscription, now: datetime) -> bool:
    """Whether nothing of it lasts: a trial is cut by a cancellation, and a pause by an end whose final invoice is still to come."""
    return subscription.ends_at is not None and subscription.ends_at <= now


def _used(subscription: Subscription, point: int, period: Period) -> Sequence[UsedAside]:
    """Count what the meters of a cycle counted in a period, and charge it; nothing where that cycle cannot be planned."""
    try:
        (plan,) = planning.plan([PointKey(subscription.id, point)])
    except UNBILLABLE:
        return ()
    return _charged(plan, subscription.customer_id, period)


def _charged(plan: Plan, customer_id: int, period: Period) -> Sequence[UsedAside]:
    meters = Meter.objects.in_bulk([one.meter_id for one in plan.meters])
    asked = {one.meter_id: UsageRequest(one.meter_id, customer_id, period) for one in plan.meters}
    counted = usage.quantities(requests=list(asked.values())).quantities if asked else {}
    used = []
    for one in plan.meters:
        found, meter = counted[asked[one.meter_id]], meters[one.meter_id]
        is_additive = meter.aggregation in ADDITIVE
        metered = MeteredUsage(
            period,
            found.event_count,
            phases=(PhaseUsage(period, found.quantity or Decimal(0)),) if is_additive else None,
            whole=None if is_additive else found.quantity,
        )
        amount = charge(usage=metered, terms=one.terms, balances=()).charge.amount
        used.append(UsedAside(meter, found.quantity, found.event_count, amount))
    return used
