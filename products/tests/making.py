"""Make customers, meters and products for tests in one line each."""

from datetime import UTC, datetime
from decimal import Decimal

from access.actors import Actor
from core.periods import Interval
from customers.models import Customer
from meters.models import Meter, MeterActivity
from products import catalogue
from products.catalogue import MeterPriceInput, PriceInput
from products.pricing import Tier

ACTOR = Actor("system", "test")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def utc(text):
    """Read an ISO date or instant as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def customer(name="Acme", **fields):
    return Customer.objects.create(name=name, email="acme@example.com", created_at=NEW_YEAR, updated_at=NEW_YEAR, **fields)


def meter(event_name="call", aggregation="count", over_property=None, **fields):
    made = Meter.objects.create(
        name=event_name.title(),
        event_name=event_name,
        aggregation=aggregation,
        over_property=over_property,
        measurement_unit=event_name,
        created_at=NEW_YEAR,
        updated_at=NEW_YEAR,
        **fields,
    )
    MeterActivity.objects.create(meter=made, during=(None, None))
    return made


def price(*meters, fee=0, every=("Month", 1), life=("Year", 10), currency="USD", **fields):
    return PriceInput(
        kind="usage_based_price",
        currency=currency,
        fixed_price=fee,
        payment_frequency=Interval(*every),
        subscription_period=Interval(*life),
        meters=tuple(meters),
        **fields,
    )


def per_unit(meter, unit_price="2", **fields):
    return MeterPriceInput(meter.public_id, Decimal(unit_price), **fields)


def tier(up_to, unit_price, flat_amount=0):
    return Tier(None if up_to is None else Decimal(up_to), Decimal(unit_price), flat_amount)


def tiered(meter, *tiers, model="graduated", **fields):
    return MeterPriceInput(meter.public_id, price_model=model, tiers=tiers, **fields)


def product(*meters, now=NEW_YEAR, name="Plan", **fields):
    return catalogue.create_product(name=name, tax_category="saas", price=price(*meters, **fields), actor=ACTOR, now=now)


def one_time(amount=500, currency="USD", now=NEW_YEAR):
    sold = PriceInput(kind="one_time_price", currency=currency, fixed_price=amount)
    return catalogue.create_product(name="Setup", tax_category="saas", price=sold, actor=ACTOR, now=now)
