"""Keep which subscription carries which meter, and when: at any instant at most one of a customer's.

The rows follow from the subscription's cycles and its product's price versions; `sync` writes what follows, so it may run at any time.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from core.constraints import refusing
from core.deployment import billing_zone
from core.errors import DomainError
from core.periods import FOREVER, Period
from meters.models import Meter
from products import next_points, terms
from products.cycles import NoSuchCycle, Schedule
from products.models import Product, Subscription, SubscriptionMeter, SubscriptionPhase
from products.terms import Terms

_MICROSECOND = timedelta(microseconds=1)
Carried = frozenset[tuple[int, Period]]


class MeterAlreadySubscribed(DomainError):
    """Another subscription of the customer carries the meter at that time; its usage would be billed twice."""

    code = "METER_ALREADY_SUBSCRIBED"


def sync(subscription: Subscription) -> None:
    """Write what one subscription carries. Raises MeterAlreadySubscribed naming the other subscription."""
    phases = list(subscription.phases.all())
    versions = terms.of_products(phase.product_id for phase in phases)
    _write(subscription, follows(subscription, phases, versions), list(subscription.meters.all()))


def lock_subscribers(product: Product) -> list[Subscription]:
    """Lock every living subscription of a product, so that none is cancelled or billed while its price changes."""
    having = SubscriptionPhase.objects.filter(product=product).values("subscription")
    return list(
        Subscription.objects.select_for_update(no_key=True, of=("self",))
        .filter(id__in=having, next_point__isnull=False)
        .order_by("id")
        .prefetch_related("phases", "meters", "next_point")
    )


def earliest_change(subscriptions: Sequence[Subscription], *, now: datetime) -> datetime:
    """Give the instant from which a price that is written now is in force: past every start of a cycle that was billed ahead.

    A run at midnight may have billed cycles while a change that was asked for just before was still to be written.
    """
    at = now
    for one in subscriptions:
        schedule = terms.schedule(one.phases.all(), zone=billing_zone(), ends_at=one.ends_at)
        coming = next_points.of(one)
        if coming is not None and coming.point and schedule.has_cycle(coming.point):
            at = max(at, schedule.cycle(coming.point).start + _MICROSECOND)
    return at


def sync_all(subscriptions: Sequence[Subscription]) -> None:
    """Write what the subscriptions of a product carry, after its price changed. Raises MeterAlreadySubscribed."""
    versions = terms.of_products(phase.product_id for one in subscriptions for phase in one.phases.all())
    for subscription in subscriptions:
        _write(subscription, follows(subscription, list(subscription.phases.all()), versions), list(subscription.meters.all()))


def follows(subscription: Subscription, phases: Sequence[SubscriptionPhase], versions: Mapping[int, Sequence[Terms]]) -> Carried:
    """Give the (meter, time) pairs that a subscription must carry: each cycle has the version in force at its first instant."""
    carried: dict[int, list[Period]] = {}
    for stretch, version in stretches(subscription, phases, versions):
        for meter in version.meters:
            join(carried.setdefault(meter.meter_id, []), stretch)
    return frozenset((meter_id, period) for meter_id, periods in carried.items() for period in periods)


def stretches(
    subscription: Subscription, phases: Sequence[SubscriptionPhase], versions: Mapping[int, Sequence[Terms]]
) -> Iterator[tuple[Period, Terms]]:
    """Yield, in order of time, which terms a subscription has when, from its start (trial included) to its end."""
    if subscription.ends_at is not None and subscription.ends_at <= subscription.start_at:
        return
    whole = Period(subscription.start_at, subscription.ends_at or FOREVER)
    schedule = terms.schedule(phases, zone=billing_zone(), ends_at=subscription.ends_at)
    ordered = sorted(phases, key=lambda phase: phase.first_cycle)
    for position, phase in enumerate(ordered):
        start = whole.start if position == 0 else phase.starts_at
        end = ordered[position + 1].starts_at if position + 1 < len(ordered) else FOREVER
        for stretch, version in _of_phase(schedule, Period(start, end), versions[phase.product_id]):
            if kept := stretch.intersect(whole):
                yield kept, version


def _of_phase(schedule: Schedule, phase: Period, versions: Sequence[Terms]) -> list[tuple[Period, Terms]]:
    """Cut a phase where its cycles begin to have another version, in order of time."""
    starts = [phase.start, *(max(phase.start, _first_cycle_from(schedule, v.version.effective_at)) for v in versions[1:])]
    ends = [*starts[1:], FOREVER]
    cut = [(start, min(end, phase.end), v) for start, end, v in zip(starts, ends, versions, strict=True)]
    return [(Period(start, end), v) for start, end, v in cut if start < end]


def _first_cycle_from(schedule: Schedule, instant: datetime) -> datetime:
    """Give the start of the first cycle that begins then or later; before cycle 1, in a trial, the instant itself."""
    if instant <= schedule.starts_at:
        return instant
    try:
        cycle = schedule.cycle(schedule.cycle_at(instant))
    except NoSuchCycle:
        return FOREVER
    return cycle.start if cycle.start == instant else cycle.end


def join(periods: list[Period], following: Period) -> None:
    """Append a period, or lengthen the last one where the two touch."""
    if periods and periods[-1].end == following.start:
        following = Period(periods.pop().start, following.end)
    periods.append(following)


def _write(subscription: Subscription, wanted: Carried, rows: Sequence[SubscriptionMeter]) -> None:
    kept = {row: (row.meter_id, Period(row.during.lower, row.during.upper or FOREVER)) for row in rows}
    gone = [row.id for row, pair in kept.items() if pair not in wanted]
    SubscriptionMeter.objects.filter(id__in=gone).delete()
    for meter_id, period in sorted(wanted - set(kept.values())):
        _insert(subscription, meter_id, DateTimeTZRange(period.start, None if period.is_open else period.end))


def _insert(subscription: Subscription, meter_id: int, during: DateTimeTZRange) -> None:
    def refusal() -> MeterAlreadySubscribed:
        other = (
            SubscriptionMeter.objects.filter(customer_id=subscription.customer_id, meter_id=meter_id, during__overlap=during)
            .exclude(subscription=subscription)
            .select_related("subscription")
            .order_by("id")[0]
        )
        meter = Meter.objects.get(id=meter_id)
        return MeterAlreadySubscribed(
            f"Subscription {other.subscription.public_id} of this customer carries the meter {meter.public_id} ({meter.name}) already."
        )

    with refusing("meter_already_subscribed", refusal):
        SubscriptionMeter.objects.create(
            customer_id=subscription.customer_id, meter_id=meter_id, subscription=subscription, during=during
        )
