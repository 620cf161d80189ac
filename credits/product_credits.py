"""Sell products that grant credits to their subscribers each cycle: the credits stand beside each price version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from core.money import CurrencyMismatch
from credits import grants
from credits.grants import GrantInput
from credits.models import AppliesTo, ProductCredit, Rollover
from meters.models import Meter
from products import catalogue, versions
from products.catalogue import PriceInput
from products.models import PriceKind, PriceVersion, Product

MOST_CREDITS = 20


class ProductCreditInvalid(DomainError):
    code = "PRODUCT_CREDIT_INVALID"


@dataclass(frozen=True)
class ProductCreditInput:
    """What each subscriber gets anew every cycle; the fields are those of credits.grants.GrantInput."""

    kind: str
    amount: Decimal
    meter: Meter | None = None
    currency: str | None = None
    applies_to: str = AppliesTo.USAGE
    priority: int = 100
    rollover: str = Rollover.NONE
    rollover_cap: Decimal | None = None
    name: str = ""


@transaction.atomic
def create_product(
    *,
    name: str,
    tax_category: str,
    price: PriceInput,
    credits: Sequence[ProductCreditInput],
    actor: Actor,
    now: datetime,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Product:
    """Make a product with its first price and credits. Raises what catalogue.create_product does, and what `write` does."""
    product = catalogue.create_product(
        name=name, tax_category=tax_category, price=price, actor=actor, now=now, description=description, metadata=metadata
    )
    _write(product.versions.get(), credits, now)
    return product


@transaction.atomic
def change_product(
    *,
    product: Product,
    changes: Mapping[str, Any],
    price: PriceInput | None,
    credits: Sequence[ProductCreditInput] | None,
    actor: Actor,
    now: datetime,
) -> None:
    """Change descriptions, the price, the credits, or all of it: what is None stays as it is.

    New credits are a new price version too, for the cycles that begin from now on. Raises what catalogue.change_product does,
    GrantInvalid, CurrencyMismatch, ProductCreditInvalid.
    """
    if price is None and credits is None:
        catalogue.change_product(product=product, changes=changes, price=None, actor=actor, now=now)
        return
    latest = product.versions.order_by("-number")[0]
    kept = of_version(latest) if credits is None else credits
    wanted = versions.price_of(latest) if price is None else price
    catalogue.change_product(product=product, changes=changes, price=wanted, actor=actor, now=now)
    _write(product.versions.order_by("-number")[0], kept, now)


def of_version(version: PriceVersion) -> list[ProductCreditInput]:
    """Read the credits of a price version, as they could be given again."""
    rows = version.credits.select_related("meter").order_by("position")
    return [ProductCreditInput(**{name: getattr(row, name) for name in _FIELDS}) for row in rows]


_FIELDS = ("kind", "amount", "meter", "currency", "applies_to", "priority", "rollover", "rollover_cap", "name")


def _write(version: PriceVersion, credits: Sequence[ProductCreditInput], now: datetime) -> None:
    if credits and version.product.price_kind == PriceKind.ONE_TIME:
        raise ProductCreditInvalid("A one-time product has no cycles to grant credits in.", field="credits")
    if len(credits) > MOST_CREDITS:
        raise ProductCreditInvalid(f"A product grants at most {MOST_CREDITS} credits.", field="credits")
    for position, one in enumerate(credits):
        _judge(one, version, now, field=f"credits[{position}]")
    ProductCredit.objects.bulk_create(
        ProductCredit(price_version=version, position=position, **{name: getattr(one, name) for name in _FIELDS})
        for position, one in enumerate(credits)
    )


def _judge(one: ProductCreditInput, version: PriceVersion, now: datetime, *, field: str) -> None:
    try:
        grants.judge(GrantInput(effective_at=now, **{name: getattr(one, name) for name in _FIELDS}))
    except grants.GrantInvalid as problem:
        raise grants.GrantInvalid(problem.message, field=f"{field}.{problem.field}") from problem
    if one.currency not in (None, version.currency):
        raise CurrencyMismatch(
            f"This product is sold in {version.currency} and grants {one.currency}; credit pays in its own currency only.",
            field=f"{field}.currency",
        )
