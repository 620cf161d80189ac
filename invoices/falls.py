"""Read the waterfall of a line, every figure from its quantity to its amount, stored or just computed; no figure is made here.

That of a usage line leads to its amount. That of an adjustment leads to what the corrected charge should have come to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from credits.burndown import totals
from invoices.assemble import Line
from invoices.models import InvoiceKind, InvoiceLine, LineKind


@dataclass(frozen=True)
class Part:
    """What one tier, or the whole of an untiered price, contributes. amount: minor units, unrounded, flat part included."""

    quantity: Decimal
    unit_price: Decimal
    flat_amount: int
    packages: int | None
    amount: Decimal


@dataclass(frozen=True)
class Fall:
    """The figures of a charge, in the order of Note [The steps of a charge] in invoices.charge. Amounts in minor units.

    draws: units by the key of the grant period.  rounded = unrounded + difference; amount is rounded, capped at maximum.  minimum: of
    this cycle; what amount falls short of it is a line of its own.  proration: the part of a whole cycle that this one lasts.
    earlier: what its part before counted, where these terms go on with other ones; they charge the whole less what they make of that.
    """

    quantity: Decimal | None
    free: Decimal
    draws: Mapping[int, Decimal]
    chargeable: Decimal
    parts: Sequence[Part]
    unrounded: Decimal
    rounded: int
    difference: Decimal
    maximum: int | None
    minimum: int | None
    amount: int
    proration: Fraction
    earlier: Decimal | None
    paused_event_count: int = 0


def of_stored(row: InvoiceLine) -> Fall | None:
    """Read that of a stored line, whose invoice is at hand; None where it has none, as a fee, a minimum, or what adjusts a minimum.

    A credit note's line has none either: it takes back an amount, whose waterfall stands on the invoice that it corrects.
    """
    stored: Mapping[str, Any] = row.waterfall
    if "parts" not in stored or row.invoice.kind == InvoiceKind.CREDIT_NOTE:
        return None
    if row.kind == LineKind.USAGE:
        quantity, free, chargeable = row.quantity, row.free_quantity, row.chargeable_quantity
        unrounded, amount = row.unrounded_amount, row.amount
    else:
        expected = stored["expected"]
        quantity = None if expected["quantity"] is None else Decimal(expected["quantity"])
        free, chargeable = Decimal(expected["free_quantity"]), Decimal(expected["chargeable_quantity"])
        unrounded, amount = Decimal(expected["unrounded_amount"]), expected["amount"]
    draws: dict[int, Decimal] = {}
    for draw in stored["draws"]:
        period_id = draw["grant_period_id"]
        draws[period_id] = draws.get(period_id, Decimal(0)) + Decimal(draw["quantity"])
    return Fall(
        quantity=quantity,
        free=free,
        draws=draws,
        chargeable=chargeable,
        parts=[
            Part(Decimal(p["quantity"]), Decimal(p["unit_price"]), p["flat_amount"], p.get("packages"), Decimal(p["amount"]))
            for p in stored["parts"]
        ],
        unrounded=unrounded,
        rounded=stored["rounded_amount"],
        difference=Decimal(stored["rounding_difference"]),
        maximum=stored.get("maximum_amount"),
        minimum=stored.get("minimum_amount"),
        amount=amount,
        proration=Fraction(stored["proration"]),
        earlier=Decimal(stored["earlier"]["quantity"]) if stored.get("earlier") else None,
        paused_event_count=stored.get("paused_event_count", 0),
    )


def of_computed(line: Line) -> Fall | None:
    """Read that of a draft's line; None where it has none."""
    fall = line.waterfall if line.adjusts is None else line.adjusts.adjustment.waterfall
    if fall is None or line.is_minimum:
        return None
    charge = fall.charge
    return Fall(
        quantity=fall.quantity if line.adjusts is None else line.adjusts.adjustment.expected.quantity,
        free=fall.free_quantity,
        draws=totals(fall.draws),
        chargeable=fall.chargeable_quantity,
        parts=[Part(p.quantity, p.unit_price, p.flat_amount, p.packages, p.amount) for p in charge.parts],
        unrounded=charge.unrounded_amount,
        rounded=charge.rounded_amount,
        difference=charge.rounding_difference,
        maximum=charge.maximum_amount,
        minimum=charge.minimum_amount,
        amount=charge.amount,
        proration=fall.proration,
        earlier=None if fall.earlier is None else fall.earlier.quantity,
        paused_event_count=fall.paused_event_count,
    )
