"""Make products and change what they cost; a change is a new price version and reaches each subscriber with the next cycle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from core.money import CurrencyMismatch, exponent
from core.periods import Interval
from core.text import refuse_blank
from meters.models import Meter
from products import carried
from products.models import MeterPrice, PriceKind, PriceTier, PriceVersion, Product, Subscription
from products.pricing import PriceTerms, PriceTermsInvalid, Tier

MOST_METERS = 10
_PRICE_BOUND = Decimal(10) ** 5
_PRICE_STEP = Decimal("1e-12")


class DuplicateMeterIds(DomainError):
    code = "DUPLICATE_METER_IDS_IN_REQUEST"


class MissingMeterIds(DomainError):
    code = "MISSING_METER_IDS"


class MeterIsDeleted(DomainError):
    code = "METER_IS_DELETED"


class TooManyMeters(DomainError):
    code = "TOO_MANY_METERS"


class PriceInvalid(DomainError):
    """A price contradicts its kind."""

    code = "PRICE_INVALID"


class PaymentFrequencyInUse(DomainError):
    """Running subscriptions keep the cycle they were made with, so a fee for another cycle would be a wrong fee."""

    code = "PAYMENT_FREQUENCY_IN_USE"


class TaxInclusionInUse(DomainError):
    """An invoice holds the usage of one cycle and the fee of the next, and its amounts hold the tax either all or not at all."""

    code = "TAX_INCLUSIVE_IN_USE"


class ProductAlreadyArchived(DomainError):
    code = "PRODUCT_ALREADY_ARCHIVED"


class ProductNotArchived(DomainError):
    code = "PRODUCT_NOT_ARCHIVED"


@dataclass(frozen=True)
class MeterPriceInput:
    """What one meter costs. meter_id: public.  The other fields are those of products.pricing.PriceTerms, with its checks."""

    meter_id: str
    price_per_unit: Decimal | None = None
    free_threshold: int = 0
    price_model: str = "per_unit"
    tiers: tuple[Tier, ...] = ()
    package_size: Decimal | None = None
    minimum_amount: int | None = None
    maximum_amount: int | None = None
    display_per: int = 1


@dataclass(frozen=True)
class PriceInput:
    """What a product costs. kind: a PriceKind.  fixed_price: minor units per cycle, or once.

    payment_frequency, subscription_period: None exactly for a one-time price.
    """

    kind: str
    currency: str
    fixed_price: int
    payment_frequency: Interval | None = None
    subscription_period: Interval | None = None
    trial_period_days: int = 0
    is_tax_inclusive: bool = False
    meters: tuple[MeterPriceInput, ...] = ()


@transaction.atomic
def create_product(
    *,
    name: str,
    tax_category: str,
    price: PriceInput,
    actor: Actor,
    now: datetime,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Product:
    """Make a product with its first price version.

    Raises NameBlank, PriceInvalid, PriceTermsInvalid, CurrencyUnknown, DuplicateMeterIds, MissingMeterIds, MeterIsDeleted, TooManyMeters.
    """
    refuse_blank(name)
    meters = _judge(price)
    product = Product.objects.create(
        name=name,
        description=description,
        tax_category=tax_category,
        price_kind=price.kind,
        metadata=dict(metadata or {}),
        created_at=now,
        updated_at=now,
    )
    _write_version(product, price, meters, number=1, actor=actor, effective_at=now)
    return product


@transaction.atomic
def update_product(*, product: Product, changes: Mapping[str, Any], now: datetime) -> Product:
    """Change name, description, tax_category or metadata. Raises NameBlank."""
    unknown = set(changes) - {"name", "description", "tax_category", "metadata"}
    if unknown:
        raise TypeError(f"not a field of a product that may change: {unknown}")
    if "name" in changes:
        refuse_blank(changes["name"])
    for field, changed in changes.items():
        setattr(product, field, changed)
    product.updated_at = now
    product.save(update_fields=[*changes, "updated_at"])
    return product


@transaction.atomic
def update_price(*, product: Product, price: PriceInput, actor: Actor, now: datetime) -> PriceVersion:
    """Write the product's next price version, in force for cycles that begin from now on and are on no invoice or draft yet.

    Raises what create_product does, and CurrencyMismatch, PaymentFrequencyInUse or TaxInclusionInUse while it has subscribers,
    PriceInvalid for another kind of price, MeterAlreadySubscribed where a subscriber's other subscription carries a meter that it adds.
    """
    meters = _judge(price)
    product = Product.objects.select_for_update(no_key=True).get(id=product.id)
    latest = product.versions.order_by("-number")[0]
    _keep_kind(product, price)
    if Subscription.objects.filter(phases__product=product).exists():
        _keep_for_subscribers(latest, price)
    subscribers = carried.lock_subscribers(product)
    effective_at = carried.earliest_change(subscribers, now=now)
    version = _write_version(product, price, meters, number=latest.number + 1, actor=actor, effective_at=effective_at)
    carried.sync_all(subscribers)
    product.updated_at = now
    product.save(update_fields=["updated_at"])
    return version


def drafted(*, product: Product, price: PriceInput) -> tuple[tuple[Meter, PriceTerms], ...]:
    """Judge a price as the next one of a product with subscribers, and give its meters with their terms; nothing is written.

    Raises what update_price does, but MeterAlreadySubscribed.
    """
    meters = _judge(price)
    _keep_kind(product, price)
    _keep_for_subscribers(product.versions.order_by("-number")[0], price)
    return tuple((meter, _terms(one, price.currency, n)) for n, (meter, one) in enumerate(zip(meters, price.meters, strict=True)))


@transaction.atomic
def change_product(
    *, product: Product, changes: Mapping[str, Any], price: PriceInput | None, actor: Actor, now: datetime
) -> None:
    """Change descriptions and, where one is given, the price: all of it or nothing. Raises what update_price does."""
    if changes:
        update_product(product=product, changes=changes, now=now)
    if price is not None:
        update_price(product=product, price=price, actor=actor, now=now)


@transaction.atomic
def archive_product(*, product: Product, now: datetime) -> None:
    """Sell it no more; subscriptions go on. Raises ProductAlreadyArchived."""
    if not Product.objects.filter(id=product.id, archived_at=None).update(archived_at=now, updated_at=now):
        raise ProductAlreadyArchived("This product is archived already.")


@transaction.atomic
def unarchive_product(*, product: Product, now: datetime) -> None:
    """Sell it again. Raises ProductNotArchived."""
    if not Product.objects.filter(id=product.id, archived_at__isnull=False).update(archived_at=None, updated_at=now):
        raise ProductNotArchived("This product is not archived.")


def _judge(price: PriceInput) -> list[Meter]:
    """Give the meters of a price in its order, or raise for the first thing that is wrong."""
    exponent(price.currency)
    once = price.kind == PriceKind.ONE_TIME
    if price.kind not in PriceKind.values:
        raise PriceInvalid(f"type is one of {', '.join(PriceKind.values)}.", field="price.type")
    if once == (price.payment_frequency is not None) or once == (price.subscription_period is not None):
        raise PriceInvalid("Exactly a one-time price has no payment frequency and no subscription period.", field="price.type")
    if price.meters and price.kind != PriceKind.USAGE_BASED:
        raise PriceInvalid("Only a usage-based price has meters.", field="price.meters")
    if price.fixed_price < 0 or price.trial_period_days < 0:
        raise PriceInvalid("A price and a trial are never negative.", field="price.fixed_price")
    for position, one in enumerate(price.meters):
        _terms(one, price.currency, position)
    return _meters([one.meter_id for one in price.meters])


def _meters(ids: Sequence[str]) -> list[Meter]:
    if len(ids) > MOST_METERS:
        raise TooManyMeters(f"A price has at most {MOST_METERS} meters, not {len(ids)}.", field="price.meters")
    if len(set(ids)) < len(ids):
        raise DuplicateMeterIds("A meter stands twice in the price.", field="price.meters")
    found = {meter.public_id: meter for meter in Meter.objects.filter(public_id__in=ids)}
    for one in ids:
        if one not in found:
            raise MissingMeterIds(f"There is no meter {one}.", field="price.meters")
        if found[one].archived_at is not None:
            raise MeterIsDeleted(f"The meter {one} is archived; unarchive it to sell its usage.", field="price.meters")
    return [found[one] for one in ids]


def _terms(one: MeterPriceInput, currency: str, position: int) -> PriceTerms:
    field = f"price.meters[{position}]"
    prices = [one.price_per_unit, *(tier.unit_price for tier in one.tiers)]
    if any(price is not None and (price >= _PRICE_BOUND or price % _PRICE_STEP) for price in prices):
        raise PriceTermsInvalid("A unit price has at most 5 digits before and 12 after the point.", field=field)
    if one.display_per < 1:
        raise PriceTermsInvalid("display_per is 1 or more.", field=f"{field}.display_per")
    try:
        return PriceTerms(
            currency=currency,
            model=one.price_model,  # type: ignore[arg-type]  # judged there
            unit_price=one.price_per_unit,
            free_threshold=Decimal(one.free_threshold),
            tiers=one.tiers,
            package_size=one.package_size,
            minimum_amount=one.minimum_amount,
            maximum_amount=one.maximum_amount,
        )
    except PriceTermsInvalid as problem:
        raise PriceTermsInvalid(problem.message, field=f"{field}.{problem.field}") from problem


def _keep_kind(product: Product, price: PriceInput) -> None:
    if price.kind != product.price_kind:
        raise PriceInvalid(
            f"This product has a {product.price_kind}; make another product for a {price.kind}.", field="price.type"
        )


def _keep_for_subscribers(latest: PriceVersion, price: PriceInput) -> None:
    if price.currency != latest.currency:
        raise CurrencyMismatch(
            f"This product has subscribers in {latest.currency}; make another product for {price.currency}.",
            field="price.currency",
        )
    frequency = price.payment_frequency
    if frequency is not None and (frequency.unit, frequency.count) != (
        latest.payment_frequency_interval,
        latest.payment_frequency_count,
    ):
        raise PaymentFrequencyInUse(
            "This product has subscribers; make another product for another payment frequency.",
            field="price.payment_frequency_interval",
        )
    if price.is_tax_inclusive != latest.tax_inclusive:
        raise TaxInclusionInUse(
            "This product has subscribers; make another product for prices with tax included, or without.",
            field="price.tax_inclusive",
        )


def _write_version(
    product: Product, price: PriceInput, meters: Sequence[Meter], *, number: int, actor: Actor, effective_at: datetime
) -> PriceVersion:
    frequency, life = price.payment_frequency, price.subscription_period
    version = PriceVersion.objects.create(
        product=product,
        number=number,
        effective_at=effective_at,
        currency=price.currency,
        fixed_price=price.fixed_price,
        payment_frequency_interval=frequency.unit if frequency else None,
        payment_frequency_count=frequency.count if frequency else None,
        subscription_period_interval=life.unit if life else None,
        subscription_period_count=life.count if life else None,
        trial_period_days=price.trial_period_days,
        tax_inclusive=price.is_tax_inclusive,
        created_by=str(actor),
    )
    for position, (meter, one) in enumerate(zip(meters, price.meters, strict=True)):
        _write_meter_price(version, meter, one, position)
    return version


def _write_meter_price(version: PriceVersion, meter: Meter, one: MeterPriceInput, position: int) -> None:
    written = MeterPrice.objects.create(
        price_version=version,
        position=position,
        meter=meter,
        price_model=one.price_model,
        price_per_unit=one.price_per_unit,
        free_threshold=one.free_threshold,
        package_size=one.package_size,
        minimum_amount=one.minimum_amount,
        maximum_amount=one.maximum_amount,
        display_per=one.display_per,
    )
    PriceTier.objects.bulk_create(
        PriceTier(
            meter_price=written, position=number, up_to=tier.up_to, unit_price=tier.unit_price, flat_amount=tier.flat_amount
        )
        for number, tier in enumerate(one.tiers)
    )
