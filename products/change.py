"""Give a running subscription another product, or another quantity of its own: now, or with the next cycle."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from access.actors import Actor
from core.deployment import billing_zone
from core.errors import DomainError
from core.money import CurrencyMismatch
from core.periods import Interval, local_date
from products import terms
from products.cycles import Phase, Schedule
from products.models import PriceKind, PriceVersion, Product, Subscription, SubscriptionPhase, SubscriptionStatus
from products.rescheduling import locked, reschedule, running, stored_phases, within_cycle
from products.subscribe import ProductArchived, ProductNotRecurring, TaxInclusionMismatch, expiry, frequency, write_phase


class When(StrEnum):
    """When a change of product takes effect, and what becomes of the running cycle."""

    NEW_CYCLE = "new_cycle"
    SAME_CYCLE = "same_cycle"
    NEXT_CYCLE = "next_cycle"


class SubscriptionPaused(DomainError):
    code = "SUBSCRIPTION_PAUSED"


class CancellationPending(DomainError):
    """A subscription that ends with its cycle has no use for another product."""

    code = "SUBSCRIPTION_CANCELLATION_PENDING"


class PaymentFrequencyDiffers(DomainError):
    """A cycle goes on only with a product that is billed as often."""

    code = "PAYMENT_FREQUENCY_DIFFERS"


class NothingChanges(DomainError):
    code = "NOTHING_CHANGES"


class ScheduledChangeExists(DomainError):
    code = "SCHEDULED_CHANGE_EXISTS"


class NoScheduledChange(DomainError):
    code = "NO_SCHEDULED_CHANGE"


class NoNextCycle(DomainError):
    code = "NO_NEXT_CYCLE"


@dataclass(frozen=True)
class _Cut:
    """The running cycle of the subscription that changes, and its phases."""

    subscription: Subscription
    stored: list[SubscriptionPhase]
    schedule: Schedule
    cycle: int

    @property
    def current(self) -> SubscriptionPhase:
        return terms.phase_of_cycle(self.stored, self.cycle)

    @property
    def following(self) -> SubscriptionPhase | None:
        """The phase that begins with the next cycle, if one does."""
        return next((phase for phase in self.stored if phase.first_cycle > self.cycle), None)

    @property
    def expires_at(self) -> datetime | None:
        """The end that was agreed for the life that runs, whatever begins with the next cycle."""
        following = self.following
        return following.former_expires_at if following and following.begins_anew else self.subscription.expires_at


@transaction.atomic
def change_product(
    *,
    subscription: Subscription,
    product: Product,
    when: When,
    actor: Actor,
    now: datetime,
    quantity: int | None = None,
    replace_scheduled: bool = False,
) -> Subscription:
    """Change the product, or with the same product the quantity (None: as it was).

    NEW_CYCLE and SAME_CYCLE end the running cycle now, with an invoice: old usage, what is left of the old fee given back, the new
    fee. NEW_CYCLE begins a whole cycle with a new anchor; SAME_CYCLE goes on to the end of the running one, at a part of the new
    fee, and rates meters of both products on. NEXT_CYCLE changes when the running cycle ends; another product then begins a
    subscription period of its own. Before the first cycle any of them changes what it will begin with. Raises ProductArchived,
    ProductNotRecurring, CurrencyMismatch, TaxInclusionMismatch, NothingChanges, SubscriptionPaused, CancellationPending,
    PaymentFrequencyDiffers, ScheduledChangeExists, NoNextCycle, MeterAlreadySubscribed, SubscriptionEnded.
    """
    subscription, now = locked(subscription, now, product=product)
    stored, schedule = stored_phases(subscription)
    cut = _Cut(subscription, stored, schedule, running(schedule, now))
    version = _sold(cut, product)
    wanted = quantity or cut.current.quantity or subscription.quantity
    _refuse(cut, product, wanted, when, replace_scheduled=replace_scheduled)
    if now < schedule.starts_at:
        return _begin_with(cut, product, version, wanted, now)
    if when == When.NEXT_CYCLE:
        return _at_next_cycle(cut, product, version, wanted, now)
    return _now(cut, product, version, wanted, when, now)


@transaction.atomic
def take_back(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Take back a change of product for the next cycle; a moved billing date stays. Raises NoScheduledChange, SubscriptionEnded."""
    subscription, now = locked(subscription, now)
    stored, schedule = stored_phases(subscription)
    cut = _Cut(subscription, stored, schedule, running(schedule, now))
    if not _is_scheduled(cut):
        raise NoScheduledChange(f"Subscription {subscription.public_id} has no change ahead.")
    subscription.expires_at = cut.expires_at
    _restore(cut)
    asked = subscription.cancel_at_next_billing_date
    return reschedule(subscription, subscription.ends_at if asked else subscription.expires_at, now)


def scheduled(subscription: Subscription, now: datetime) -> SubscriptionPhase | None:
    """Give the change of product or quantity that the next cycle begins with, if there is one. Uses prefetched phases."""
    stored = sorted(subscription.phases.all(), key=lambda phase: phase.first_cycle)
    schedule = terms.schedule(stored, zone=billing_zone(), ends_at=None)
    cut = _Cut(subscription, stored, schedule, running(schedule, now))
    return cut.following if _is_scheduled(cut) else None


def _sold(cut: _Cut, product: Product) -> PriceVersion:
    """Give the version that is sold, or raise for what forbids it on this subscription's invoices."""
    if product.archived_at is not None and product != cut.current.product:
        raise ProductArchived("This product is archived.", field="product_id")
    if product.price_kind == PriceKind.ONE_TIME:
        raise ProductNotRecurring("A one-time product cannot be subscribed to.", field="product_id")
    version = product.versions.order_by("-number")[0]
    if version.currency != cut.subscription.currency:
        raise CurrencyMismatch(
            f"This product is sold in {version.currency}, the subscription is billed in {cut.subscription.currency}.",
            field="product_id",
        )
    before = cut.current.product.versions.order_by("-number")[0]
    if version.tax_inclusive != before.tax_inclusive:
        raise TaxInclusionMismatch(
            "Of the old and the new product, one price has the tax included and the other has not.", field="product_id"
        )
    return version


def _refuse(cut: _Cut, product: Product, quantity: int, when: When, *, replace_scheduled: bool) -> None:
    subscription = cut.subscription
    had = cut.current.quantity or subscription.quantity
    if (product, quantity) == (cut.current.product, had):
        raise NothingChanges("The subscription has this product and quantity already.", field="product_id")
    if subscription.cancel_at_next_billing_date:
        raise CancellationPending("The subscription ends with its running cycle; take the cancellation back first.")
    if subscription.status == SubscriptionStatus.PAUSED and when != When.NEXT_CYCLE:
        raise SubscriptionPaused("The subscription is paused; resume it first, or change it with the next cycle.")
    if _is_scheduled(cut) and not replace_scheduled:
        raise ScheduledChangeExists("A change for the next cycle exists; take it back, or ask for it to be replaced.")


def _begin_with(cut: _Cut, product: Product, version: PriceVersion, quantity: int, now: datetime) -> Subscription:
    """Change what a subscription that has no cycle yet will begin with."""
    subscription, first = cut.subscription, cut.current
    interval = frequency(version)
    subscription.phases.exclude(id=first.id).delete()
    first.product, first.quantity = product, quantity
    first.interval_unit, first.interval_count = interval.unit, interval.count
    first.save()
    (phase,) = terms.schedule([first], zone=billing_zone(), ends_at=None).phases
    subscription.expires_at = expiry(version, phase)
    return reschedule(subscription, subscription.expires_at, now)


def _at_next_cycle(cut: _Cut, product: Product, version: PriceVersion, quantity: int, now: datetime) -> Subscription:
    subscription, schedule = cut.subscription, cut.schedule
    starts_at = schedule.cycle(cut.cycle).end
    if subscription.ends_at is not None and subscription.ends_at <= starts_at:
        raise NoNextCycle("The subscription ends with its running cycle.")
    interval = frequency(version)
    before = cut.following or cut.current
    # The same interval keeps its anchor, so that the 31st comes back after a short month.
    kept = interval == _interval(before)
    first = schedule.end_date(cut.cycle)
    anchor = before.anchor_date if kept else first
    anew, former = product != cut.current.product, cut.expires_at
    phase = Phase(
        cut.cycle + 1, starts_at, anchor, interval, made_at=now, begins_anew=anew, former_expires_at=former if anew else None
    )
    subscription.expires_at = expiry(version, phase, first=first) if anew else former
    subscription.phases.filter(first_cycle__gt=cut.cycle).delete()
    write_phase(subscription, product, phase, quantity=quantity)
    return reschedule(subscription, subscription.expires_at, now)


def _now(cut: _Cut, product: Product, version: PriceVersion, quantity: int, when: When, now: datetime) -> Subscription:
    subscription = cut.subscription
    interval = frequency(version)
    if when == When.SAME_CYCLE and interval != _interval(cut.current):
        raise PaymentFrequencyDiffers(
            "The cycle can only go on with a product of the same payment frequency; begin a new cycle instead.",
            field="product_id",
        )
    at = within_cycle(cut.schedule, cut.cycle, now)
    subscription.phases.filter(first_cycle__gt=cut.cycle).delete()
    new_anchor = local_date(at, settings.BILLING_TIME_ZONE)
    if when == When.SAME_CYCLE:
        began = cut.schedule.whole_cycle(cut.cycle).start
        phase = Phase(cut.cycle + 1, at, cut.current.anchor_date, interval, began, made_at=now, credits_fee=True)
        subscription.expires_at = cut.expires_at
    else:
        phase = Phase(
            cut.cycle + 1,
            at,
            new_anchor,
            interval,
            made_at=now,
            credits_fee=True,
            begins_anew=True,
            former_expires_at=cut.expires_at,
        )
        subscription.expires_at = expiry(version, phase)
    write_phase(subscription, product, phase, quantity=quantity)
    return reschedule(subscription, subscription.expires_at, now)


def _is_scheduled(cut: _Cut) -> bool:
    following = cut.following
    if following is None:
        return False
    quantities = [one.quantity or cut.subscription.quantity for one in (following, cut.current)]
    return following.product_id != cut.current.product_id or quantities[0] != quantities[1]


def _restore(cut: _Cut) -> None:
    """Let the next cycle have the product of the running one, as if the change had never been asked for."""
    following = cut.following
    if following is None:
        raise AssertionError("only a change that is ahead is taken back")
    without = terms.schedule([cut.current], zone=billing_zone(), ends_at=None)
    if following.starts_at == without.whole_cycle(cut.cycle).end:
        following.delete()
        return
    following.product, following.quantity = cut.current.product, cut.current.quantity
    following.interval_unit, following.interval_count = cut.current.interval_unit, cut.current.interval_count
    following.begins_anew, following.former_expires_at = False, None
    following.save()


def _interval(phase: SubscriptionPhase) -> Interval:
    return Interval(phase.interval_unit, phase.interval_count)  # type: ignore[arg-type]  # the database checks it
