"""Begin, change and end subscriptions. The invoices of their billing points are the billing run's work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from core.money import CurrencyMismatch
from core.periods import Interval, add_interval, local_date, local_midnight
from customers.models import Customer
from products import carried, terms
from products.cycles import NoSuchCycle, Phase, Schedule, first_phase
from products.models import OneTimeItem, PriceKind, PriceVersion, Product, Subscription, SubscriptionPhase, SubscriptionStatus


class CustomerArchived(DomainError):
    code = "CUSTOMER_ARCHIVED"


class ProductArchived(DomainError):
    code = "PRODUCT_ARCHIVED"


class ProductNotRecurring(DomainError):
    """A one-time product has no cycles; it comes with a subscription through one_time_product_cart."""

    code = "PRODUCT_NOT_RECURRING"


class ProductNotOneTime(DomainError):
    code = "PRODUCT_NOT_ONE_TIME"


class TaxInclusionMismatch(DomainError):
    """The amounts of one invoice hold the tax either all or not at all."""

    code = "TAX_INCLUSIVE_MISMATCH"


class StartBeforePrice(DomainError):
    """Cycles have the price that was in force as they began; one that cannot stand beside the price of now would be a wrong invoice."""

    code = "START_BEFORE_PRICE"


class BillFromNotBoundary(DomainError):
    """bill_from is no billing point of the subscription."""

    code = "BILL_FROM_NOT_A_BOUNDARY"


class NextBillingDateInvalid(DomainError):
    code = "NEXT_BILLING_DATE_NOT_IN_FUTURE"


class SubscriptionEnded(DomainError):
    code = "SUBSCRIPTION_ENDED"


@dataclass(frozen=True)
class OneTimeInput:
    """A one-time product bought along. amount: minor units for all of them, None for the product's price times quantity."""

    product: Product
    quantity: int = 1
    amount: int | None = None


@dataclass(frozen=True)
class BillingDetails:
    """What stands on the invoices instead of the customer's own; blanks leave that as it is."""

    street: str = ""
    city: str = ""
    state: str = ""
    zipcode: str = ""
    country: str = ""
    business_name: str = ""
    tax_id: str = ""


@dataclass(frozen=True)
class Cancellation:
    """Why a subscription ends, in the words of the wire contract."""

    reason: str = ""
    comment: str = ""
    feedback: str = ""


@dataclass(frozen=True)
class Extras:
    """What a new subscription may have beside customer, product and dates. trial_period_days: None for the price's own."""

    quantity: int = 1
    trial_period_days: int | None = None
    currency: str | None = None
    billing: BillingDetails = field(default_factory=BillingDetails)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    one_time: Sequence[OneTimeInput] = ()


@transaction.atomic
def create(
    *,
    customer: Customer,
    product: Product,
    start_at: datetime,
    actor: Actor,
    now: datetime,
    bill_from: datetime | None = None,
    extras: Extras | None = None,
) -> Subscription:
    """Begin a subscription. A start_at in the past bills every point since, from bill_from on; in the future it is pending until then.

    Raises CustomerArchived, ProductArchived, ProductNotRecurring, ProductNotOneTime, CurrencyMismatch, TaxInclusionMismatch,
    StartBeforePrice, BillFromNotBoundary, MeterAlreadySubscribed.
    """
    extras = extras or Extras()
    customer = Customer.objects.select_for_update(no_key=True).get(id=customer.id)
    # This row lock orders it against update_price: whichever commits second sees the other's subscriber or version.
    product = Product.objects.select_for_update(no_key=True).get(id=product.id)
    version = _sold(customer, product, extras)
    trial_ends_at = _trial_end(start_at, version, extras)
    phase = first_phase(starts_at=trial_ends_at or start_at, interval=_frequency(version), zone=settings.BILLING_TIME_ZONE)
    _refuse_another_price(product, version, phase.starts_at)
    expires_at = _expiry(version, phase.anchor_date)
    schedule = Schedule((phase,), settings.BILLING_TIME_ZONE, expires_at)
    first_point = _first_point(schedule, bill_from)
    subscription = Subscription.objects.create(
        customer=customer,
        currency=version.currency,
        status=SubscriptionStatus.PENDING if start_at > now else SubscriptionStatus.ACTIVE,
        quantity=extras.quantity,
        start_at=start_at,
        bill_from=bill_from,
        trial_ends_at=trial_ends_at,
        ends_at=expires_at,
        expires_at=expires_at,
        next_point=first_point,
        next_point_at=schedule.point_at(first_point),
        metadata=dict(extras.metadata),
        created_at=now,
        updated_at=now,
        **vars(extras.billing),
    )
    _write_phase(subscription, product, phase)
    _write_one_time(subscription, version, extras.one_time)
    carried.sync(subscription)
    return subscription


@transaction.atomic
def cancel_now(*, subscription: Subscription, why: Cancellation, actor: Actor, now: datetime) -> Subscription:
    """End a subscription at this instant; its last cycle is cut there. Raises SubscriptionEnded."""
    subscription = _locked(subscription, now)
    subscription.cancelled_at = now
    subscription.cancel_at_next_billing_date = False
    subscription.status = SubscriptionStatus.CANCELLED
    _note(subscription, why)
    return _end(subscription, max(now, subscription.start_at), now)


@transaction.atomic
def cancel_at_next_billing_date(*, subscription: Subscription, why: Cancellation, actor: Actor, now: datetime) -> Subscription:
    """End a subscription with the running cycle; one that has not begun ends as it begins. Raises SubscriptionEnded."""
    subscription = _locked(subscription, now)
    subscription.cancel_at_next_billing_date = True
    _note(subscription, why)
    schedule = schedule_of(subscription)
    return _end(subscription, _running_end(schedule, now), now)


@transaction.atomic
def keep(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Take back a cancellation at the next billing date. Raises SubscriptionEnded, MeterAlreadySubscribed."""
    subscription = _locked(subscription, now)
    subscription.cancel_at_next_billing_date = False
    _note(subscription, Cancellation())
    return _end(subscription, subscription.expires_at, now)


@transaction.atomic
def move_next_billing_date(
    *, subscription: Subscription, next_billing_date: datetime, actor: Actor, now: datetime
) -> Subscription:
    """End the running cycle at that date's local midnight, which is the new anchor.

    Raises NextBillingDateInvalid where that midnight is not in the future, SubscriptionEnded.
    """
    subscription = _locked(subscription, now)
    zone = settings.BILLING_TIME_ZONE
    anchor = local_date(next_billing_date, zone)
    starts_at = local_midnight(anchor, zone)
    if starts_at <= max(now, subscription.trial_ends_at or subscription.start_at):
        raise NextBillingDateInvalid("next_billing_date must be a future date, after the start.", field="next_billing_date")
    stored = list(subscription.phases.order_by("first_cycle"))
    running = _running(terms.schedule(stored, zone=zone, ends_at=None), now)
    for phase in stored:
        if phase.first_cycle > running:
            phase.delete()
    current = terms.phase_of_cycle(stored, running)
    interval = Interval(current.interval_unit, current.interval_count)  # type: ignore[arg-type]
    _write_phase(subscription, current.product, Phase(running + 1, starts_at, anchor, interval))
    # A cancellation moves along with the date, but never beyond the end that was agreed from the beginning.
    ends_at = min(starts_at, subscription.expires_at or starts_at)
    return _end(subscription, ends_at if subscription.cancel_at_next_billing_date else subscription.ends_at, now)


def status_at(subscription: Subscription, now: datetime) -> str:
    """Give the status that the clock makes of what is stored: the row itself is as of the latest write."""
    if subscription.ends_at is not None and subscription.ends_at <= now:
        asked = subscription.cancel_at_next_billing_date or subscription.cancelled_at is not None
        return SubscriptionStatus.CANCELLED if asked else SubscriptionStatus.EXPIRED
    if subscription.status == SubscriptionStatus.PENDING and subscription.start_at <= now:
        return SubscriptionStatus.ACTIVE
    return subscription.status


def schedule_of(subscription: Subscription) -> Schedule:
    """Read a subscription's schedule; uses prefetched phases."""
    return terms.schedule(subscription.phases.all(), zone=settings.BILLING_TIME_ZONE, ends_at=subscription.ends_at)


def _sold(customer: Customer, product: Product, extras: Extras) -> PriceVersion:
    """Give the version that a new subscription begins with, or raise for what forbids it."""
    if customer.archived_at is not None:
        raise CustomerArchived("This customer is archived.", field="customer")
    if product.archived_at is not None:
        raise ProductArchived("This product is archived.", field="product_id")
    if product.price_kind == PriceKind.ONE_TIME:
        raise ProductNotRecurring("A one-time product cannot be subscribed to.", field="product_id")
    version = product.versions.order_by("-number")[0]
    if extras.currency not in (None, version.currency):
        raise CurrencyMismatch(f"This product is sold in {version.currency}, not {extras.currency}.", field="billing_currency")
    return version


def _refuse_another_price(product: Product, latest: PriceVersion, starts_at: datetime) -> None:
    """Refuse a start at which another version was in force whose currency, frequency or tax cannot stand beside the latest one's."""
    later = product.versions.filter(effective_at__gt=starts_at)
    if not later.exists():
        return
    first = product.versions.filter(effective_at__lte=starts_at).order_by("-number").first()
    in_force = product.versions.filter(number__gte=first.number if first else 1)
    alike = {
        name: getattr(latest, name)
        for name in ("currency", "payment_frequency_interval", "payment_frequency_count", "tax_inclusive")
    }
    if in_force.exclude(**alike).exists():
        raise StartBeforePrice(
            "At that start this product had a price in another currency, for another payment frequency, or with the tax "
            "otherwise. Start it later, or make a product for that time.",
            field="start_at",
        )


def _frequency(version: PriceVersion) -> Interval:
    return Interval(version.payment_frequency_interval, version.payment_frequency_count)  # type: ignore[arg-type]


def _trial_end(start_at: datetime, version: PriceVersion, extras: Extras) -> datetime | None:
    days = version.trial_period_days if extras.trial_period_days is None else extras.trial_period_days
    return start_at + timedelta(days=days) if days else None


def _expiry(version: PriceVersion, anchor: Any) -> datetime | None:
    if version.subscription_period_interval is None:
        return None
    life = Interval(version.subscription_period_interval, version.subscription_period_count)  # type: ignore[arg-type]
    return local_midnight(add_interval(anchor, life, 1), settings.BILLING_TIME_ZONE)


def _first_point(schedule: Schedule, bill_from: datetime | None) -> int:
    """Give the number of the first point that is billed here: the first, or the one at bill_from."""
    if bill_from is None:
        return 0
    for point in schedule.points(until=bill_from):
        if point.at == bill_from:
            return point.number
    raise BillFromNotBoundary(
        "bill_from must be the start of the subscription or the end of one of its cycles.", field="bill_from"
    )


def _write_phase(subscription: Subscription, product: Product, phase: Phase) -> None:
    SubscriptionPhase.objects.create(
        subscription=subscription,
        first_cycle=phase.first_cycle,
        starts_at=phase.starts_at,
        anchor_date=phase.anchor_date,
        interval_unit=phase.interval.unit,
        interval_count=phase.interval.count,
        product=product,
    )


def _write_one_time(subscription: Subscription, subscribed: PriceVersion, bought: Sequence[OneTimeInput]) -> None:
    for one in bought:
        version = one.product.versions.order_by("-number")[0]
        if one.product.price_kind != PriceKind.ONE_TIME:
            raise ProductNotOneTime(f"{one.product.name} is not sold once.", field="one_time_product_cart")
        if version.currency != subscription.currency:
            raise CurrencyMismatch(
                f"{one.product.name} is sold in {version.currency}, the subscription in {subscription.currency}.",
                field="one_time_product_cart",
            )
        if version.tax_inclusive != subscribed.tax_inclusive:
            raise TaxInclusionMismatch(
                f"Of {one.product.name} and the subscription, one price has the tax included and the other has not.",
                field="one_time_product_cart",
            )
        amount = version.fixed_price * one.quantity if one.amount is None else one.amount
        OneTimeItem.objects.create(subscription=subscription, price_version=version, quantity=one.quantity, amount=amount)


def _locked(subscription: Subscription, now: datetime) -> Subscription:
    """Lock the customer, then read the subscription anew. Raises SubscriptionEnded."""
    Customer.objects.select_for_update(no_key=True).get(id=subscription.customer_id)
    subscription = Subscription.objects.select_for_update(no_key=True).get(id=subscription.id)
    # One that was cancelled before its start lies in the past as well: it can neither be kept nor moved.
    if subscription.status == SubscriptionStatus.CANCELLED or (subscription.ends_at is not None and subscription.ends_at <= now):
        raise SubscriptionEnded(f"Subscription {subscription.public_id} has ended.")
    return subscription


def _running(schedule: Schedule, now: datetime) -> int:
    """Give the number of the cycle that runs, 1 before the first begins."""
    return 1 if now < schedule.starts_at else schedule.cycle_at(now)


def _running_end(schedule: Schedule, now: datetime) -> datetime:
    """Give the end of the running cycle; before the first one begins, its start."""
    try:
        return schedule.cycle(schedule.cycle_at(now)).end
    except NoSuchCycle:
        return schedule.starts_at


def _note(subscription: Subscription, why: Cancellation) -> None:
    subscription.cancel_reason = why.reason
    subscription.cancellation_comment = why.comment
    subscription.cancellation_feedback = why.feedback


def _end(subscription: Subscription, ends_at: datetime | None, now: datetime) -> Subscription:
    """Set the end (None: open), and with it the next billing point and what is carried."""
    point = subscription.next_point if subscription.next_point is not None else _after_the_last(subscription)
    subscription.ends_at = ends_at
    subscription.next_point_at = schedule_of(subscription).point_at(point)
    subscription.next_point = None if subscription.next_point_at is None else point
    subscription.updated_at = now
    subscription.save()
    carried.sync(subscription)
    return subscription


def _after_the_last(subscription: Subscription) -> int:
    """Give the number of the point behind the last one that the stored end allows; all up to that one have their invoices."""
    schedule = schedule_of(subscription)
    if subscription.ends_at is None:
        raise AssertionError("a subscription without an end always has a next billing point")
    numbers = [point.number for point in schedule.points(until=subscription.ends_at)]
    return numbers[-1] + 1 if numbers else _first_point(schedule.without_end(), subscription.bill_from)
