"""Translate what a product grants its subscribers each cycle between the API and the domain, both ways."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec

from api.v1 import shapes
from api.v1.grants import Quantity, number, quantity
from api.v1.lookup import find
from credits.models import AppliesTo, CreditKind, ProductCredit, Rollover
from credits.product_credits import ProductCreditInput
from meters.models import Meter

MOST = 100  # that are looked at; the domain says how many a product may have


class ProductCreditShape(msgspec.Struct, kw_only=True):
    """What each subscriber gets anew every cycle. units: meter_id, amount a decimal string; money: currency, amount an integer.

    rollover: what is left at a cycle's end expires (none), goes on whole (all), or up to rollover_cap (capped).
    """

    kind: Literal["units", "money"]
    amount: Quantity
    meter_id: str | None = None
    currency: str | None = None
    applies_to: Literal["usage", "invoice"] | None = None
    priority: Annotated[int, msgspec.Meta(ge=-32_768, le=32_767)] | None = None
    rollover: Literal["none", "all", "capped"] | None = None
    rollover_cap: Quantity | None = None
    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None


ProductCredits = Annotated[list[ProductCreditShape], msgspec.Meta(max_length=MOST)]


def wanted(credits: Sequence[ProductCreditShape]) -> list[ProductCreditInput]:
    """Read the credits of a request. Raises Refused."""
    return [_wanted(one, f"credits[{place}]") for place, one in enumerate(credits)]


def shown(credits: Iterable[ProductCredit]) -> list[ProductCreditShape]:
    """Show the credits of a price version, in its order."""
    return [
        ProductCreditShape(
            kind="units" if one.kind == CreditKind.UNITS else "money",
            amount=quantity(one, one.amount),
            meter_id=one.meter.public_id if one.meter else None,
            currency=one.currency,
            applies_to="invoice" if one.applies_to == AppliesTo.INVOICE else "usage",
            priority=one.priority,
            rollover=one.rollover,  # type: ignore[arg-type]  # the database checks it
            rollover_cap=None if one.rollover_cap is None else quantity(one, one.rollover_cap),
            name=one.name or None,
        )
        for one in sorted(credits, key=lambda one: one.position)
    ]


def _wanted(one: ProductCreditShape, field: str) -> ProductCreditInput:
    return ProductCreditInput(
        kind=one.kind,
        amount=number(one.kind, one.amount, field=f"{field}.amount"),
        meter=find(Meter, one.meter_id) if one.meter_id else None,
        currency=shapes.currency(one.currency, field=f"{field}.currency") if one.currency else None,
        applies_to=one.applies_to or AppliesTo.USAGE,
        priority=100 if one.priority is None else one.priority,
        rollover=one.rollover or Rollover.NONE,
        rollover_cap=None if one.rollover_cap is None else number(one.kind, one.rollover_cap, field=f"{field}.rollover_cap"),
        name=one.name or "",
    )
