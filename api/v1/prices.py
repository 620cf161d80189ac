"""Translate prices between the wire contract and the domain, both ways."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from api.v1 import shapes
from api.v1.body import invalid
from core.money import plain
from core.periods import Interval
from products.catalogue import MeterPriceInput, PriceInput
from products.models import MeterPrice, PriceKind, PriceVersion
from products.pricing import Tier

PriceText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,5}(\.[0-9]{1,12})?$", description="Minor units per unit, exact.")]
UnitsText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,26}(\.[0-9]{1,12})?$", description="A number of units, exact.")]
Units = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Model = Literal["per_unit", "graduated", "volume", "package"]


class PriceTier(msgspec.Struct, kw_only=True):
    """One tier: units up to and including up_to (null on the last) at unit_price each, and flat_amount on entering it."""

    up_to: UnitsText | None
    unit_price: PriceText
    flat_amount: shapes.Amount = 0


class MeterPriceInBody(msgspec.Struct, kw_only=True):
    """What one meter costs; from price_model on the fields are ours. name, description and measurement_unit are the meter's own."""

    meter_id: str
    name: str | None = None
    description: str | None = None
    measurement_unit: str | None = None
    price_per_unit: PriceText | None = None
    free_threshold: Units | None = None
    price_model: Model | None = None
    tiers: Annotated[list[PriceTier], msgspec.Meta(max_length=100)] | None = None
    package_size: UnitsText | None = None
    minimum_amount: shapes.Amount | None = None
    maximum_amount: shapes.Amount | None = None
    display_per: Annotated[int, msgspec.Meta(ge=1, le=10**12)] | None = None


class UsageBasedPrice(msgspec.Struct, kw_only=True, tag_field="type", tag="usage_based_price"):
    """A fee for each cycle, and the usage of up to ten meters."""

    currency: str
    fixed_price: shapes.Amount
    payment_frequency_count: shapes.Count
    payment_frequency_interval: shapes.Interval
    subscription_period_count: shapes.Count
    subscription_period_interval: shapes.Interval
    meters: list[MeterPriceInBody] | None = None
    tax_inclusive: bool | None = None


class RecurringPrice(msgspec.Struct, kw_only=True, tag_field="type", tag="recurring_price"):
    """A fee for each cycle."""

    currency: str
    price: shapes.Amount
    payment_frequency_count: shapes.Count
    payment_frequency_interval: shapes.Interval
    subscription_period_count: shapes.Count
    subscription_period_interval: shapes.Interval
    tax_inclusive: bool | None = None
    trial_period_days: shapes.TrialDays | None = None


class OneTimePrice(msgspec.Struct, kw_only=True, tag_field="type", tag="one_time_price"):
    """A price that is paid once, on the opening invoice of a subscription."""

    currency: str
    price: shapes.Amount
    tax_inclusive: bool | None = None


Price = UsageBasedPrice | RecurringPrice | OneTimePrice


class MeterPriceAnswer(msgspec.Struct, kw_only=True):
    """A meter's price as the API shows it."""

    meter_id: str
    name: str
    description: str | None
    measurement_unit: str
    price_per_unit: str | None
    free_threshold: int
    price_model: str
    tiers: list[PriceTier] | None
    package_size: str | None
    minimum_amount: int | None
    maximum_amount: int | None
    display_per: int
    credit_entitlement_id: str | None = None
    meter_units_per_credit: str | None = None


class UsageBasedPriceAnswer(msgspec.Struct, kw_only=True, tag_field="type", tag="usage_based_price"):
    """A usage-based price as the API shows it."""

    currency: str
    fixed_price: int
    payment_frequency_count: int
    payment_frequency_interval: str
    subscription_period_count: int
    subscription_period_interval: str
    meters: list[MeterPriceAnswer]
    tax_inclusive: bool
    discount: int = 0
    discount_bps: int | None = None
    purchasing_power_parity: bool = False


class RecurringPriceAnswer(msgspec.Struct, kw_only=True, tag_field="type", tag="recurring_price"):
    """A recurring price as the API shows it."""

    currency: str
    price: int
    payment_frequency_count: int
    payment_frequency_interval: str
    subscription_period_count: int
    subscription_period_interval: str
    tax_inclusive: bool
    trial_period_days: int
    discount: int = 0
    discount_bps: int | None = None
    purchasing_power_parity: bool = False


class OneTimePriceAnswer(msgspec.Struct, kw_only=True, tag_field="type", tag="one_time_price"):
    """A one-time price as the API shows it."""

    currency: str
    price: int
    tax_inclusive: bool
    discount: int = 0
    discount_bps: int | None = None
    purchasing_power_parity: bool = False
    pay_what_you_want: bool = False


PriceAnswer = UsageBasedPriceAnswer | RecurringPriceAnswer | OneTimePriceAnswer


def wanted(price: Price) -> PriceInput:
    """Read a price of the wire contract. Raises Refused."""
    shapes.currency(price.currency, field="price.currency")
    inclusive = bool(price.tax_inclusive)
    if isinstance(price, OneTimePrice):
        return PriceInput(PriceKind.ONE_TIME, price.currency, price.price, is_tax_inclusive=inclusive)
    frequency = Interval(price.payment_frequency_interval, price.payment_frequency_count)
    life = Interval(price.subscription_period_interval, price.subscription_period_count)
    if isinstance(price, RecurringPrice):
        trial = price.trial_period_days or 0
        return PriceInput(PriceKind.RECURRING, price.currency, price.price, frequency, life, trial, is_tax_inclusive=inclusive)
    meters = tuple(_wanted_meter(one, place) for place, one in enumerate(price.meters or ()))
    return PriceInput(
        PriceKind.USAGE_BASED, price.currency, price.fixed_price, frequency, life, is_tax_inclusive=inclusive, meters=meters
    )


def shown(version: PriceVersion) -> PriceAnswer:
    """Show a price version, with its meter_prices, their meters and tiers prefetched."""
    kind = version.product.price_kind
    if kind == PriceKind.ONE_TIME:
        return OneTimePriceAnswer(currency=version.currency, price=version.fixed_price, tax_inclusive=version.tax_inclusive)
    cycle: dict[str, Any] = {
        "currency": version.currency,
        "payment_frequency_count": version.payment_frequency_count,
        "payment_frequency_interval": version.payment_frequency_interval,
        "subscription_period_count": version.subscription_period_count,
        "subscription_period_interval": version.subscription_period_interval,
        "tax_inclusive": version.tax_inclusive,
    }
    if kind == PriceKind.RECURRING:
        return RecurringPriceAnswer(price=version.fixed_price, trial_period_days=version.trial_period_days, **cycle)
    ordered = sorted(version.meter_prices.all(), key=lambda one: one.position)
    return UsageBasedPriceAnswer(fixed_price=version.fixed_price, meters=[_shown_meter(one) for one in ordered], **cycle)


def _wanted_meter(one: MeterPriceInBody, place: int) -> MeterPriceInput:
    field = f"price.meters[{place}]"
    if one.tiers is None and one.price_per_unit is None:
        raise invalid(f"{field}.price_per_unit", "is missing")
    if one.price_per_unit is not None and not Decimal(one.price_per_unit):
        raise invalid(f"{field}.price_per_unit", "must be greater than zero")
    return MeterPriceInput(
        meter_id=one.meter_id,
        price_per_unit=_decimal(one.price_per_unit),
        free_threshold=one.free_threshold or 0,
        price_model=one.price_model or "per_unit",
        tiers=tuple(Tier(_decimal(tier.up_to), Decimal(tier.unit_price), tier.flat_amount) for tier in one.tiers or ()),
        package_size=_decimal(one.package_size),
        minimum_amount=one.minimum_amount,
        maximum_amount=one.maximum_amount,
        display_per=one.display_per or 1,
    )


def _shown_meter(one: MeterPrice) -> MeterPriceAnswer:
    tiers = [
        PriceTier(up_to=_text(tier.up_to), unit_price=plain(tier.unit_price), flat_amount=tier.flat_amount)
        for tier in sorted(one.tiers.all(), key=lambda tier: tier.position)
    ]
    return MeterPriceAnswer(
        meter_id=one.meter.public_id,
        name=one.meter.name,
        description=one.meter.description or None,
        measurement_unit=one.meter.measurement_unit,
        price_per_unit=_text(one.price_per_unit),
        free_threshold=one.free_threshold,
        price_model=one.price_model,
        tiers=tiers or None,
        package_size=_text(one.package_size),
        minimum_amount=one.minimum_amount,
        maximum_amount=one.maximum_amount,
        display_per=one.display_per,
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
