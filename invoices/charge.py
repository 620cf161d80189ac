"""Charge one meter for one cycle: the steps, in the one order that every figure of the product comes from. PURE.

# Note [The steps of a charge]
1. quantity            what the meter counted in the cycle; no value (max, last of nothing) is 0
2. free units          used up first in time, so that a credit granted later in the cycle is not spent on units that are free
3. unit credits        a grant covers usage of its own time only; see credits.burndown for the phases
4. price model         sees the remainder only: tiers and packages start at the first paid unit
5. one rounding        half away from zero, of the whole line, never of its parts
6. maximum             caps the rounded amount
7. minimum             what is missing from it is a line of its own, due also when credits covered every unit
Steps 1 to 3 stand here, 4 to 7 in products.pricing.rate, in this order.
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from core.money import WHOLE, exact
from core.periods import Period
from credits.burndown import Balance, Draw, PhaseUsage, UnitBurn, burn_at_end, burn_by_phase
from products.pricing import Charge, PriceTerms, rate, rate_on


class MeteredUsage(Struct, frozen=True):
    """What one meter counted in one cycle.

    phases: the parts of the cycle in order of time with their quantities, for a meter whose quantities add up (count, sum).
    whole: the quantity of the cycle, None for no value, for a meter whose quantities do not (max, last); phases is None then.
    earlier: the part of a cycle that other terms charged, where these go on with it, and what was counted in it; whole is then that
    of both parts.  paused_event_count: how many of the events were sent while the subscription was paused.
    """

    cycle: Period
    event_count: int
    phases: tuple[PhaseUsage, ...] | None = None
    whole: Decimal | None = None
    earlier: PhaseUsage | None = None
    paused_event_count: int = 0

    @property
    def quantity(self) -> Decimal | None:
        """The quantity of the cycle in the meter's unit, None for no value."""
        if self.phases is None:
            return self.whole
        if len(self.phases) == 1:
            return self.phases[0].quantity
        with exact():
            return sum((phase.quantity for phase in self.phases), Decimal(0))


class Waterfall(Struct, frozen=True):
    """Every figure from the quantity to the amount. Quantities in the meter's unit, amounts in minor units.

    chargeable_quantity is what the price model saw: quantity - free - credited, and 0 where the quantity is below zero.
    """

    quantity: Decimal | None
    free_quantity: Decimal
    draws: tuple[Draw, ...]
    credited_quantity: Decimal
    chargeable_quantity: Decimal
    charge: Charge
    proration: Fraction
    phases: tuple[PhaseUsage, ...] | None
    earlier: PhaseUsage | None = None
    paused_event_count: int = 0


def charge(*, usage: MeteredUsage, terms: PriceTerms, balances: Iterable[Balance], proration: Fraction = WHOLE) -> Waterfall:
    """Charge a meter's usage of a cycle. See Note [The steps of a charge].

    balances: what the unit grants for this meter still hold.  proration: the part of a whole cycle that this one lasts.
    """
    burned = _burn(usage, free=terms.free_threshold, balances=balances)
    return Waterfall(
        quantity=usage.quantity,
        free_quantity=burned.free_quantity,
        draws=burned.draws,
        credited_quantity=burned.credited_quantity,
        chargeable_quantity=burned.remaining_quantity,
        charge=price(burned.remaining_quantity, terms, earlier=usage.earlier, proration=proration),
        proration=proration,
        phases=usage.phases,
        earlier=usage.earlier,
        paused_event_count=usage.paused_event_count,
    )


def price(quantity: Decimal, terms: PriceTerms, *, earlier: PhaseUsage | None, proration: Fraction) -> Charge:
    """Take steps 4 to 7 for the paid units of a cycle, or of the rest of one whose earlier part other terms charged.

    In the earlier part units that credits covered count as paid: it says where in the tiers the rest begins.
    """
    if earlier is None:
        return rate(quantity=quantity, terms=terms, proration=proration)
    with exact():
        before = max(earlier.quantity - terms.free_threshold, Decimal(0))
    return rate_on(before=before, quantity=quantity, terms=terms, proration=proration)


def _burn(usage: MeteredUsage, *, free: Decimal, balances: Iterable[Balance]) -> UnitBurn:
    before = Decimal(0) if usage.earlier is None else usage.earlier.quantity
    if usage.phases is not None:
        return burn_by_phase(usages=usage.phases, free=free, balances=balances, before=before)
    quantity = Decimal(0) if usage.whole is None else usage.whole
    return burn_at_end(quantity=quantity, cycle=usage.cycle, free=free, balances=balances, before=before)
