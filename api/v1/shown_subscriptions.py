"""Show subscriptions in the contract's shape, as the clock makes them: status, running cycle, terms in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.v1.deployment import brand_id
from api.v1.subscription_shapes import (
    BillingAddress,
    CustomerBrief,
    MeterInCart,
    OneTimeBought,
    OneTimeProduct,
    ScheduledPlanChange,
    SubscriptionAnswer,
    SubscriptionCreated,
)
from core.money import plain
from customers.models import Customer
from invoices.models import Invoice, Seller
from meters.models import Meter
from products import change, subscribe, terms
from products.cycles import NoSuchCycle, Schedule
from products.models import Product, Subscription, SubscriptionPhase, SubscriptionStatus
from products.terms import Terms

Versions = Mapping[int, Sequence[Terms]]


def shown(subscriptions: Sequence[Subscription], *, now: datetime) -> list[SubscriptionAnswer]:
    """Show subscriptions that were read with customer and phases."""
    versions = terms.of_products(phase.product_id for one in subscriptions for phase in one.phases.all())
    meters = Meter.objects.in_bulk({meter.meter_id for all_of in versions.values() for one in all_of for meter in one.meters})
    brand, seller = brand_id(), Seller.objects.filter(id=1).first()
    return [_shown(one, versions, meters, brand, seller, now) for one in subscriptions]


def created(
    subscription: Subscription, bought: Sequence[OneTimeProduct], opening: Invoice | None, *, now: datetime
) -> SubscriptionCreated:
    """Show the outcome of a creation. opening: the invoice of its start, None where nothing is due then or it lies ahead."""
    running = _running(subscription, now)
    in_force = terms.in_force(terms.of_products([running.product.id])[running.product.id], running.starts_at)
    return SubscriptionCreated(
        subscription_id=subscription.public_id,
        payment_id="" if opening is None else opening.public_id,
        customer=_customer(subscription.customer),
        metadata=subscription.metadata,
        recurring_pre_tax_amount=in_force.version.fixed_price * subscription.quantity,
        one_time_product_cart=[OneTimeBought(product_id=one.product_id, quantity=one.quantity) for one in bought],
    )


def _shown(
    subscription: Subscription, versions: Versions, meters: Mapping[int, Meter], brand: str, seller: Seller | None, now: datetime
) -> SubscriptionAnswer:
    running = _running(subscription, now)
    in_force = terms.in_force(versions[running.product.id], running.starts_at)
    version = in_force.version
    trial = subscription.trial_ends_at
    quantity = running.phase.quantity or subscription.quantity
    return SubscriptionAnswer(
        subscription_id=subscription.public_id,
        product_id=running.product.public_id,
        product_name=running.product.name,
        customer=_customer(subscription.customer),
        status=subscribe.status_at(subscription, now),
        currency=subscription.currency,
        quantity=quantity,
        recurring_pre_tax_amount=version.fixed_price * quantity,
        payment_frequency_count=version.payment_frequency_count or 0,
        payment_frequency_interval=version.payment_frequency_interval or "",
        subscription_period_count=version.subscription_period_count or 0,
        subscription_period_interval=version.subscription_period_interval or "",
        trial_period_days=(trial - subscription.start_at).days if trial else 0,
        tax_inclusive=version.tax_inclusive,
        meters=[_meter(one, meters[one.meter_id]) for one in in_force.meters],
        billing=_billing(subscription, seller),
        metadata=subscription.metadata,
        created_at=subscription.created_at,
        start_at=subscription.start_at,
        bill_from=subscription.bill_from,
        previous_billing_date=running.previous_at,
        next_billing_date=running.next_at,
        expires_at=subscription.expires_at,
        cancel_at_next_billing_date=subscription.cancel_at_next_billing_date,
        cancelled_at=subscription.cancelled_at,
        paused_at=_paused_at(subscription),
        scheduled_change=_scheduled(subscription, now),
        cancellation_comment=subscription.cancellation_comment or None,
        cancellation_feedback=subscription.cancellation_feedback or None,
        customer_business_name=subscription.business_name or None,
        tax_id=subscription.tax_id or None,
        brand_id=brand,
    )


@dataclass(frozen=True)
class _Running:
    """The phase and cycle that run; previous_at, next_at: the billing dates around now."""

    phase: SubscriptionPhase
    starts_at: datetime
    previous_at: datetime
    next_at: datetime

    @property
    def product(self) -> Product:
        return self.phase.product


def _running(subscription: Subscription, now: datetime) -> _Running:
    """Say what runs now; before the first cycle what begins with it, after the end what ran last."""
    phases = list(subscription.phases.all())
    schedule = subscribe.schedule_of(subscription)
    if now < schedule.starts_at:
        return _Running(phases[0], schedule.starts_at, subscription.start_at, schedule.starts_at)
    try:
        number = _cycle_number(schedule, now)
        cycle = schedule.cycle(number)
    except NoSuchCycle:  # it ended before its first cycle began
        return _Running(phases[0], schedule.starts_at, subscription.start_at, schedule.starts_at)
    return _Running(terms.phase_of_cycle(phases, number), cycle.start, cycle.start, cycle.end)


def _cycle_number(schedule: Schedule, now: datetime) -> int:
    if schedule.ends_at is None or now < schedule.ends_at:
        return schedule.cycle_at(now)
    numbers = [point.number for point in schedule.points(until=schedule.ends_at)]
    return max(1, *numbers) if numbers else 1


def _paused_at(subscription: Subscription) -> datetime | None:
    """Give the start of the pause that lasts; uses prefetched pauses."""
    if subscription.status != SubscriptionStatus.PAUSED:
        return None
    return next((pause.during.lower for pause in subscription.pauses.all() if pause.during.upper is None), None)


def _scheduled(subscription: Subscription, now: datetime) -> ScheduledPlanChange | None:
    ended = subscription.ends_at is not None and subscription.ends_at <= now
    coming = None if ended else change.scheduled(subscription, now)
    if coming is None:
        return None
    return ScheduledPlanChange(
        id=f"{subscription.public_id}-{coming.first_cycle}",
        product_id=coming.product.public_id,
        product_name=coming.product.name,
        product_description=coming.product.description or None,
        quantity=coming.quantity or subscription.quantity,
        created_at=coming.made_at or coming.starts_at,
        effective_at=coming.starts_at,
    )


def _customer(customer: Customer) -> CustomerBrief:
    return CustomerBrief(
        customer_id=customer.public_id,
        email=customer.email,
        name=customer.name,
        phone_number=customer.phone_number or None,
        metadata=customer.metadata,
    )


def _meter(one: terms.MeterTerms, meter: Meter) -> MeterInCart:
    return MeterInCart(
        meter_id=meter.public_id,
        name=meter.name,
        description=meter.description or None,
        measurement_unit=meter.measurement_unit,
        currency=one.terms.currency,
        free_threshold=int(one.terms.free_threshold),
        price_per_unit=None if one.terms.unit_price is None else plain(one.terms.unit_price),
    )


def _billing(subscription: Subscription, seller: Seller | None) -> BillingAddress:
    """Give the address that invoices get: the subscription's, else the customer's; the contract wants a country in any case."""
    row = subscription if subscription.country else subscription.customer
    return BillingAddress(
        country=row.country or (seller.country if seller else "") or "US",
        street=row.street or None,
        city=row.city or None,
        state=row.state or None,
        zipcode=row.zipcode or None,
    )
