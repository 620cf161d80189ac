"""Turn the paid units of one meter and one cycle into an amount: exact until the one rounding. PURE.

These are steps 4 to 7 of a charge; invoices.charge holds the whole list of steps and their order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal, get_args

from msgspec import Struct

from core.errors import DomainError
from core.money import WHOLE, exact, exponent, plain, round_half_away

PriceModel = Literal["per_unit", "graduated", "volume", "package"]
PRICE_MODELS: tuple[PriceModel, ...] = get_args(PriceModel)
_ZERO = Decimal(0)


class PriceTermsInvalid(DomainError):
    """Price terms contradict themselves, or lack what their model needs."""

    code = "PRICE_TERMS_INVALID"


class NegativeQuantity(ValueError):
    """Paid units are never negative: free units and credits stop at zero."""


@dataclass(frozen=True)
class Tier:
    """One step of a tiered price.

    up_to: the inclusive upper bound in paid units, None on the last.  unit_price: minor units per unit.
    flat_amount: minor units, due whole on entering the tier.
    """

    up_to: Decimal | None
    unit_price: Decimal
    flat_amount: int = 0


@dataclass(frozen=True)
class PriceTerms:
    """What one meter costs for one whole cycle. Raises PriceTermsInvalid naming the field.

    unit_price: minor units per unit (package: per package of package_size units), None when the model has tiers.
    free_threshold: units that cost nothing.  minimum_amount, maximum_amount: minor units per whole cycle, or None.
    """

    currency: str
    model: PriceModel = "per_unit"
    unit_price: Decimal | None = None
    free_threshold: Decimal = Decimal(0)
    tiers: tuple[Tier, ...] = ()
    package_size: Decimal | None = None
    minimum_amount: int | None = None
    maximum_amount: int | None = None

    def __post_init__(self) -> None:
        exponent(self.currency)
        for field, problem in _problems(self):
            raise PriceTermsInvalid(problem, field=field)

    def to_json(self) -> dict[str, Any]:
        """Write the terms as an invoice line stores them, without what there is none of; from_json reads them back equal."""
        return _there(
            {
                "currency": self.currency,
                "model": self.model,
                "unit_price": _text(self.unit_price),
                "free_threshold": plain(self.free_threshold),
                "tiers": [
                    _there({"up_to": _text(one.up_to), "unit_price": plain(one.unit_price), "flat_amount": one.flat_amount})
                    for one in self.tiers
                ],
                "package_size": _text(self.package_size),
                "minimum_amount": self.minimum_amount,
                "maximum_amount": self.maximum_amount,
            }
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "PriceTerms":
        """Read what to_json wrote."""
        tiers = tuple(
            Tier(up_to=_decimal(tier.get("up_to")), unit_price=Decimal(tier["unit_price"]), flat_amount=tier["flat_amount"])
            for tier in stored.get("tiers", ())
        )
        numbers = {name: _decimal(stored.get(name)) for name in ("unit_price", "package_size")}
        free = Decimal(stored["free_threshold"])
        return cls(**{**stored, **numbers, "tiers": tiers, "free_threshold": free})


class PricedPart(Struct, frozen=True):
    """What one tier, or the whole of an untiered price, contributes.

    quantity: paid units in it.  unit_price: minor units per unit (package: per package).  packages: whole ones, for that model.
    amount: minor units, unrounded, with the flat part in it.
    """

    quantity: Decimal
    unit_price: Decimal
    flat_amount: int
    amount: Decimal
    packages: int | None = None


class Charge(Struct, frozen=True):
    """The figures of steps 4 to 7, each kept. Amounts in minor units.

    parts add up to unrounded_amount; rounded_amount = unrounded_amount + rounding_difference; amount is rounded_amount capped at
    maximum_amount; minimum_top_up is what a line of kind `minimum` adds. Maximum and minimum are those of this cycle, prorated.
    """

    quantity: Decimal
    parts: tuple[PricedPart, ...]
    unrounded_amount: Decimal
    rounded_amount: int
    rounding_difference: Decimal
    maximum_amount: int | None
    amount: int
    minimum_amount: int | None
    minimum_top_up: int


def rate(*, quantity: Decimal, terms: PriceTerms, proration: Fraction = WHOLE) -> Charge:
    """Charge one meter's paid units of one cycle.

    quantity: in the meter's unit, after free units and unit credits.  proration: the part of a whole cycle that this one lasts,
    0 < proration <= 1; it reduces maximum and minimum only. The amount is rounded once, half away from zero.
    Raises NegativeQuantity.
    """
    if quantity < _ZERO:
        raise NegativeQuantity(plain(quantity))
    with exact():
        parts = _PRICERS[terms.model](quantity, terms)
        unrounded = sum([part.amount for part in parts], _ZERO)
        rounded = round_half_away(unrounded)
        difference = rounded - unrounded
    maximum = prorate(terms.maximum_amount, proration)
    minimum = prorate(terms.minimum_amount, proration)
    amount = rounded if maximum is None else min(rounded, maximum)
    return Charge(
        quantity=quantity,
        parts=parts,
        unrounded_amount=unrounded,
        rounded_amount=rounded,
        rounding_difference=difference,
        maximum_amount=maximum,
        amount=amount,
        minimum_amount=minimum,
        minimum_top_up=0 if minimum is None else max(0, minimum - amount),
    )


def rate_on(*, before: Decimal, quantity: Decimal, terms: PriceTerms, proration: Fraction) -> Charge:
    """Charge the rest of a cycle whose earlier part other terms charged: these terms over the whole less these terms until then.

    before: the paid units of the earlier part.  quantity: those of the rest.  proration: the part of a whole cycle that the rest
    lasts; it reduces the minimum, while the maximum is that of the whole cycle. Both charges are rounded, so that what the parts
    of a cycle come to under the same terms is what the whole would have; the amount is never below zero.
    """
    with exact():
        whole, until = (rate(quantity=units, terms=terms) for units in (before + quantity, before))
        unrounded = whole.unrounded_amount - until.unrounded_amount
        rounded, amount = whole.rounded_amount - until.rounded_amount, max(0, whole.amount - until.amount)
        parts = (*whole.parts, *(_negated(part) for part in until.parts))
        difference = rounded - unrounded
    if rounded < 0:
        parts, unrounded, rounded, difference = (), Decimal(0), 0, Decimal(0)
    minimum = prorate(terms.minimum_amount, proration)
    return Charge(
        quantity=quantity,
        parts=parts,
        unrounded_amount=unrounded,
        rounded_amount=rounded,
        rounding_difference=difference,
        maximum_amount=None if amount == rounded else amount,
        amount=amount,
        minimum_amount=minimum,
        minimum_top_up=0 if minimum is None else max(0, minimum - amount),
    )


def _negated(part: PricedPart) -> PricedPart:
    packages = None if part.packages is None else -part.packages
    return PricedPart(-part.quantity, part.unit_price, -part.flat_amount, -part.amount, packages)


def prorate(amount: int | None, proration: Fraction) -> int | None:
    """Reduce an amount in minor units to a part of a cycle, rounded half away from zero; None stays None."""
    return None if amount is None else round_half_away(amount * proration)


def _per_unit(quantity: Decimal, terms: PriceTerms) -> tuple[PricedPart, ...]:
    price = _required(terms.unit_price)
    return (PricedPart(quantity, price, 0, quantity * price),)


def _package(quantity: Decimal, terms: PriceTerms) -> tuple[PricedPart, ...]:
    # A package is due whole once begun.
    price, size = _required(terms.unit_price), _required(terms.package_size)
    begun, rest = divmod(quantity, size)
    packages = int(begun) + (1 if rest else 0)
    return (PricedPart(quantity, price, 0, packages * price, packages),)


def _graduated(quantity: Decimal, terms: PriceTerms) -> tuple[PricedPart, ...]:
    # The first tier is entered at zero usage too; a later one with the first part of a unit beyond the bound before it.
    parts: list[PricedPart] = []
    floor = _ZERO
    for tier in terms.tiers:
        if parts and quantity <= floor:
            break
        units = (quantity if tier.up_to is None else min(quantity, tier.up_to)) - floor
        parts.append(_tier_part(units, tier))
        floor = tier.up_to if tier.up_to is not None else quantity
    return tuple(parts)


def _volume(quantity: Decimal, terms: PriceTerms) -> tuple[PricedPart, ...]:
    tier = next(tier for tier in terms.tiers if tier.up_to is None or quantity <= tier.up_to)
    return (_tier_part(quantity, tier),)


def _tier_part(units: Decimal, tier: Tier) -> PricedPart:
    return PricedPart(units, tier.unit_price, tier.flat_amount, units * tier.unit_price + tier.flat_amount)


_PRICERS: Mapping[PriceModel, Callable[[Decimal, PriceTerms], tuple[PricedPart, ...]]] = {
    "per_unit": _per_unit,
    "graduated": _graduated,
    "volume": _volume,
    "package": _package,
}


def _problems(terms: PriceTerms) -> Sequence[tuple[str, str]]:
    """List (field, sentence) for everything that is wrong with the terms."""
    tiered = terms.model in ("graduated", "volume")
    packaged = terms.model == "package"
    minimum, maximum = terms.minimum_amount, terms.maximum_amount
    checks = (
        ("price_model", terms.model not in PRICE_MODELS, f"price_model is one of {', '.join(PRICE_MODELS)}."),
        (
            "price_per_unit",
            tiered != (terms.unit_price is None),
            "A price has either price_per_unit or tiers, as its model says.",
        ),
        ("price_per_unit", terms.unit_price is not None and terms.unit_price <= 0, "price_per_unit must be greater than zero."),
        ("free_threshold", terms.free_threshold < 0, "free_threshold must not be negative."),
        ("tiers", tiered != bool(terms.tiers), "Exactly the models graduated and volume have tiers, at least one."),
        ("tiers", not _ascending(terms.tiers), "tiers must ascend by up_to, from above zero, and only the last has up_to null."),
        ("tiers", any(t.unit_price < 0 or t.flat_amount < 0 for t in terms.tiers), "Prices of tiers must not be negative."),
        ("package_size", packaged != (terms.package_size is not None), "Exactly the model package has a package_size."),
        ("package_size", terms.package_size is not None and terms.package_size <= 0, "package_size must be greater than zero."),
        ("minimum_amount", minimum is not None and minimum < 0, "minimum_amount must not be negative."),
        ("maximum_amount", maximum is not None and maximum < 0, "maximum_amount must not be negative."),
        (
            "minimum_amount",
            minimum is not None and maximum is not None and minimum > maximum,
            "minimum_amount must not be greater than maximum_amount.",
        ),
    )
    return [(field, problem) for field, wrong, problem in checks if wrong]


def _ascending(tiers: Sequence[Tier]) -> bool:
    bounds = [tier.up_to for tier in tiers]
    if not bounds:
        return True
    inner = [Decimal(0), *(bound for bound in bounds[:-1] if bound is not None)]
    return bounds[-1] is None and None not in bounds[:-1] and all(a < b for a, b in pairwise(inner))


def _required(number: Decimal | None) -> Decimal:
    if number is None:
        raise AssertionError("PriceTerms let a model through without its price")
    return number


def _there(written: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what there is none of."""
    return {name: what for name, what in written.items() if what is not None and what != []}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
