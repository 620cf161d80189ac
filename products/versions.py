"""Read price versions back as the inputs that would write them."""

from core.periods import Interval
from products.catalogue import MeterPriceInput, PriceInput
from products.models import MeterPrice, PriceVersion
from products.pricing import Tier


def price_of(version: PriceVersion) -> PriceInput:
    """Read a price version as the input that would write it again."""
    frequency = life = None
    if version.payment_frequency_interval is not None and version.subscription_period_interval is not None:
        frequency = Interval(version.payment_frequency_interval, version.payment_frequency_count or 1)  # type: ignore[arg-type]
        life = Interval(version.subscription_period_interval, version.subscription_period_count or 1)  # type: ignore[arg-type]
    prices = version.meter_prices.select_related("meter").prefetch_related("tiers").order_by("position")
    return PriceInput(
        kind=version.product.price_kind,
        currency=version.currency,
        fixed_price=version.fixed_price,
        payment_frequency=frequency,
        subscription_period=life,
        trial_period_days=version.trial_period_days,
        is_tax_inclusive=version.tax_inclusive,
        meters=tuple(_meter_price_of(price) for price in prices),
    )


def _meter_price_of(price: MeterPrice) -> MeterPriceInput:
    tiers = sorted(price.tiers.all(), key=lambda tier: tier.position)
    return MeterPriceInput(
        meter_id=price.meter.public_id,
        price_per_unit=price.price_per_unit,
        free_threshold=price.free_threshold,
        price_model=price.price_model,
        tiers=tuple(Tier(tier.up_to, tier.unit_price, tier.flat_amount) for tier in tiers),
        package_size=price.package_size,
        minimum_amount=price.minimum_amount,
        maximum_amount=price.maximum_amount,
        display_per=price.display_per,
    )
