"""Set the demonstration company up, and open its customers, through the domain's own verbs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from access.actors import Actor
from billing_project.demo.company import METERS, PRODUCTS, SELLER, CustomerPlan, GrantPlan, ProductPlan
from core.periods import Interval
from credits import grants
from credits.grants import GrantInput
from credits.models import CreditKind
from customers import register
from customers.models import Customer
from events.blueprints.catalogue import BY_SLUG
from invoices.models import Seller
from meters import define
from meters.models import Meter
from products import catalogue, subscribe
from products.catalogue import MeterPriceInput, PriceInput
from products.models import PriceKind, Product, Subscription, TaxCategory

MONTHLY = Interval("Month", 1)
CONTRACT = Interval("Year", 10)


def external_id(slug: str) -> str:
    """Give the external id under which a customer of the demonstration is known, also to ingest."""
    return f"demo-{slug}"


def name_seller() -> None:
    """Fill the seller in where nobody has done so yet."""
    details = {**SELLER, "default_tax_rate": Decimal(SELLER["default_tax_rate"])}
    Seller.objects.filter(id=1, country="", tax_id="", email="").update(**details)


def make_meters(*, now: datetime) -> dict[str, str]:
    """Make a meter from each blueprint; returns their public ids by blueprint."""
    made = {}
    for plan in METERS:
        blueprint = BY_SLUG[plan.blueprint]
        meter = define.create(
            name=plan.name,
            description=blueprint.description,
            event_name=blueprint.event_name,
            aggregation=blueprint.aggregation,
            over_property=blueprint.over_property,
            measurement_unit=blueprint.measurement_unit,
            filter=blueprint.filter,
            now=now,
        )
        made[plan.blueprint] = meter.public_id
    return made


def make_products(*, meters: Mapping[str, str], actor: Actor, now: datetime) -> dict[str, str]:
    """Make the company's products; returns their public ids by slug. meters: public ids by blueprint."""
    return {plan.slug: _make_product(plan, meters, actor, now).public_id for plan in PRODUCTS}


def _make_product(plan: ProductPlan, meters: Mapping[str, str], actor: Actor, now: datetime) -> Product:
    prices = tuple(
        MeterPriceInput(
            meter_id=meters[price.blueprint],
            price_per_unit=Decimal(price.price_per_unit),
            free_threshold=price.free_threshold,
            display_per=BY_SLUG[price.blueprint].display_per,
        )
        for price in plan.prices
    )
    return catalogue.create_product(
        name=plan.name,
        description=plan.description,
        tax_category=TaxCategory.SAAS,
        price=PriceInput(
            kind=PriceKind.USAGE_BASED,
            currency=plan.currency,
            fixed_price=plan.fixed_price,
            payment_frequency=MONTHLY,
            subscription_period=CONTRACT,
            meters=prices,
        ),
        actor=actor,
        now=now,
    )


def open_customer(
    *, plan: CustomerPlan, products: Mapping[str, str], meters: Mapping[str, str], actor: Actor, now: datetime
) -> Subscription:
    """Register a customer, grant what the customer starts with, and subscribe. products, meters: public ids."""
    customer = register.create(
        fields={
            "external_id": external_id(plan.slug),
            "name": plan.name,
            "email": plan.email,
            "street": plan.street,
            "city": plan.city,
            "zipcode": plan.zipcode,
            "country": plan.country,
            "tax_id": plan.tax_id,
            "tax_rate": None if plan.tax_rate is None else Decimal(plan.tax_rate),
        },
        actor=actor,
        now=now,
    )
    product = Product.objects.get(public_id=products[plan.product])
    subscription = subscribe.create(customer=customer, product=product, start_at=now, actor=actor, now=now)
    for grant in plan.grants:
        _grant(grant, customer=customer, subscription=subscription, meters=meters, actor=actor, now=now)
    return subscription


def _grant(
    plan: GrantPlan,
    *,
    customer: Customer,
    subscription: Subscription,
    meters: Mapping[str, str],
    actor: Actor,
    now: datetime,
) -> None:
    meter = Meter.objects.get(public_id=meters[plan.blueprint]) if plan.blueprint else None
    grant = GrantInput(
        kind=CreditKind.UNITS if meter else CreditKind.MONEY,
        amount=plan.amount,
        effective_at=now,
        meter=meter,
        currency=None if meter else subscription.currency,
        applies_to=plan.applies_to,
        expires_at=None if plan.days is None else now + timedelta(days=plan.days),
        renews=plan.renews,
        subscription=subscription if plan.renews else None,
        name=plan.name,
    )
    cause = f"demo:{customer.external_id}:{plan.name}"
    grants.create(customer=customer, grant=grant, actor=actor, now=now, cause=cause)
