"""Begin subscriptions, and say how one stands. The invoices of their billing points are the billing run's work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from django.db import transaction

from access.actors import Actor
from core.deployment import billing_zone
from core.errors import DomainError
from core.money import CurrencyMismatch
from core.periods import Interval, add_interval
from customers.models import Customer
from products import carried, next_points, terms
from products.cycles import Phase, Schedule, end_on, first_phase
from products.models import OneTimeItem, PriceKind, PriceVersion, Product, Subscription, SubscriptionPhase, SubscriptionStatus

# From now, of a start or of a next billing date: the calendar has an end, and every cycle since a start is billed.
FARTHEST = timedelta(days=30 * 366)


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
    phase = first_phase(starts_at=trial_ends_at or start_at, interval=frequency(version), zone=billing_zone())
    _refuse_another_price(product, version, phase.starts_at)
    schedule = Schedule((phase,), billing_zone(), expiry(version, phase))
    first_point = first_billed_point(schedule, bill_from)
    subscription = Subscription.objects.create(
        customer=customer,
        currency=version.currency,
        status=SubscriptionStatus.PENDING if start_at > now else SubscriptionStatus.ACTIVE,
        start_at=start_at,
        bill_from=bill_from,
        trial_ends_at=trial_ends_at,
        ends_at=schedule.ends_at,
        expires_at=schedule.ends_at,
        created_at=now,
        updated_at=now,
        **_columns(extras),
    )
    next_points.store(subscription, first_point, schedule.point_at(first_point))
    write_phase(subscription, product, phase, quantity=extras.quantity)
    _write_one_time(subscription, version, extras.one_time)
    carried.sync(subscription)
    return subscription


def _columns(extras: Extras) -> dict[str, Any]:
    return {"quantity": extras.quantity, "metadata": dict(extras.metadata), **vars(extras.billing)}


class Stored(Protocol):
    """What of a subscription's row, however it was read, the clock makes its status of."""

    @property
    def status(self) -> str: ...
    @property
    def start_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime | None: ...
    @property
    def cancelled_at(self) -> datetime | None: ...
    @property
    def cancel_at_next_billing_date(self) -> bool: ...


def status_at(subscription: Stored, now: datetime) -> str:
    """Give the status that the clock makes of what is stored: the row itself is as of the latest write."""
    if subscription.ends_at is not None and subscription.ends_at <= now:
        asked = subscription.cancel_at_next_billing_date or subscription.cancelled_at is not None
        return SubscriptionStatus.CANCELLED if asked else SubscriptionStatus.EXPIRED
    if subscription.status == SubscriptionStatus.PENDING and subscription.start_at <= now:
        return SubscriptionStatus.ACTIVE
    return subscription.status


def schedule_of(subscription: Subscription) -> Schedule:
    """Read a subscription's schedule; uses prefetched phases."""
    return terms.schedule(subscription.phases.all(), zone=billing_zone(), ends_at=subscription.ends_at)


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


def frequency(version: PriceVersion) -> Interval:
    """Give how long a cycle of a recurring price is."""
    return Interval(version.payment_frequency_interval, version.payment_frequency_count)  # type: ignore[arg-type]


def _trial_end(start_at: datetime, version: PriceVersion, extras: Extras) -> datetime | None:
    days = version.trial_period_days if extras.trial_period_days is None else extras.trial_period_days
    return start_at + timedelta(days=days) if days else None


def expiry(version: PriceVersion, phase: Phase, *, first: date | None = None) -> datetime | None:
    """Give the end that the price's subscription period sets to a life that begins with a phase; None where it has none.

    first: the local date on which it begins, where the phase keeps an older anchor. A life of months then ends with one of its cycles, so
    that the 31st comes back.
    """
    if version.subscription_period_interval is None:
        return None
    life = Interval(version.subscription_period_interval, version.subscription_period_count)  # type: ignore[arg-type]
    anchor = phase.anchor_date
    day = add_interval(first or anchor, life, 1)
    if {life.unit, phase.interval.unit} <= {"Month", "Year"}:
        day = add_interval(anchor, Interval("Month", 1), (day.year - anchor.year) * 12 + day.month - anchor.month)
    return end_on(day, phase, billing_zone())


def first_billed_point(schedule: Schedule, bill_from: datetime | None) -> int:
    """Give the number of the first point that is billed here: the first, or the one at bill_from."""
    if bill_from is None:
        return 0
    for point in schedule.points(until=bill_from):
        if point.at == bill_from:
            return point.number
    raise BillFromNotBoundary(
        "bill_from must be the start of the subscription or the end of one of its cycles.", field="bill_from"
    )


def write_phase(subscription: Subscription, product: Product, phase: Phase, *, quantity: int) -> None:
    """Store a phase of a subscription's cycles."""
    SubscriptionPhase.objects.create(
        subscription=subscription,
        first_cycle=phase.first_cycle,
        starts_at=phase.starts_at,
        anchor_date=phase.anchor_date,
        interval_unit=phase.interval.unit,
        interval_count=phase.interval.count,
        product=product,
        quantity=quantity,
        continues_from=phase.continues_from,
        made_at=phase.made_at,
        credits_fee=phase.credits_fee,
        begins_anew=phase.begins_anew,
        former_expires_at=phase.former_expires_at,
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
