"""Say what a closed charge has become, and what is still to bill or to give back of it. PURE.

# Note [An adjustment]
The charge of a closed cycle is made once more, under the terms that it was made under, over what counts now; the adjustment is that
less everything that was billed for it so far, both rounded. So all invoices of a period add up to the one right invoice.
Unit credits do not start anew, because others have drawn since:
1. each phase keeps what it drew, up to what it charges now; what burns last is given up first
2. what a phase gave up covers what another phase of the charge leaves open, where the grant was alive then
3. where usage grew, the growth may draw on what those same grant periods still hold
4. the rest of what was given up goes back
Nothing has changed where the usage is the same: then no step moves a unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from core.money import exact
from core.periods import Period
from credits.burndown import Balance, Draw, after, burn, chargeable_by_phase, in_burn_order, summed_up
from invoices.charge import MeteredUsage, Waterfall, price
from products.pricing import PriceTerms

_LAST_INSTANT = timedelta(microseconds=1)
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Figures:
    """The figures of a charge, or a difference of two. Quantities in the meter's unit, amounts in minor units.

    quantity: None for no value.  minimum_amount: what fills up the minimum, a line of its own.
    """

    quantity: Decimal | None
    event_count: int
    free_quantity: Decimal
    credited_quantity: Decimal
    chargeable_quantity: Decimal
    unrounded_amount: Decimal
    amount: int
    minimum_amount: int

    @exact()
    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            _sum(self.quantity, other.quantity),
            self.event_count + other.event_count,
            self.free_quantity + other.free_quantity,
            self.credited_quantity + other.credited_quantity,
            self.chargeable_quantity + other.chargeable_quantity,
            self.unrounded_amount + other.unrounded_amount,
            self.amount + other.amount,
            self.minimum_amount + other.minimum_amount,
        )

    @exact()
    def __neg__(self) -> "Figures":
        return Figures(
            None if self.quantity is None else -self.quantity,
            -self.event_count,
            -self.free_quantity,
            -self.credited_quantity,
            -self.chargeable_quantity,
            -self.unrounded_amount,
            -self.amount,
            -self.minimum_amount,
        )

    def __sub__(self, other: "Figures") -> "Figures":
        return self + -other


class ClosedCharge(Struct, frozen=True):
    """One meter's charge of one closed cycle, as billed so far.

    quantities: by phase, as they were billed last (one where they do not add up).  earlier: what was counted then in the part of the
    cycle that other terms charged, where these go on with it.  draws: what each phase holds drawn, after
    everything that was given back.  billed: all that was billed or waived for it, on any number of invoices.
    """

    terms: PriceTerms
    proration: Fraction
    quantities: tuple[Decimal, ...]
    draws: tuple[Draw, ...]
    billed: Figures
    earlier: Decimal = _NOTHING


@dataclass(frozen=True)
class Adjustment:
    """What a charge came to now and how that differs from what was billed. See Note [An adjustment].

    waterfall: the whole charge as it should be.  change: what is still to bill.  moves: units to draw (positive) or to give back
    (negative), by phase and grant period.
    """

    waterfall: Waterfall
    expected: Figures
    change: Figures
    moves: tuple[Draw, ...]

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to bill, to pay back, or to give back in units."""
        return bool(self.change.amount or self.change.minimum_amount or self.moves)


@dataclass(frozen=True)
class AdjustmentInput:
    """An adjustment with what its lines say.

    line: any key of the charge that it corrects.  period: the corrected charge's.  tax_rate: that of the invoice it corrects.
    """

    line: int
    meter: int
    description: str
    period: Period
    terms: PriceTerms
    tax_rate: Decimal
    tax_inclusive: bool
    adjustment: Adjustment


@exact()
def adjust(*, closed: ClosedCharge, usage: MeteredUsage, balances: Iterable[Balance]) -> Adjustment:
    """Charge a closed cycle by what counts now. See Note [An adjustment].

    usage: cut into the phases that the charge was made by.  balances: what the grant periods that it drew on still hold, nothing
    where they are settled.
    """
    held = in_burn_order(balances)
    parts = phases_of(usage)
    free = closed.terms.free_threshold
    adds_up = usage.phases is not None
    chargeable = _chargeable(_earlier(usage), quantities_of(usage), free=free, adds_up=adds_up)
    before = _chargeable(closed.earlier, closed.quantities, free=free, adds_up=adds_up)
    draws = _draws(parts, chargeable, before, closed.draws, held)
    waterfall = _waterfall(usage, closed, draws)
    expected = figures_of(waterfall, usage.event_count)
    return Adjustment(waterfall, expected, expected - closed.billed, _moves(closed.draws, draws))


def phases_of(usage: MeteredUsage) -> tuple[Period, ...]:
    """Give the parts of the cycle by which credits are drawn: the cycle's last instant where quantities do not add up."""
    if usage.phases is None:
        return (Period(usage.cycle.end - _LAST_INSTANT, usage.cycle.end),)
    return tuple(phase.period for phase in usage.phases)


def quantities_of(usage: MeteredUsage) -> tuple[Decimal, ...]:
    """Give the quantities of those parts; no value is nothing."""
    return (usage.whole or _NOTHING,) if usage.phases is None else tuple(phase.quantity for phase in usage.phases)


def _earlier(usage: MeteredUsage) -> Decimal:
    return _NOTHING if usage.earlier is None else usage.earlier.quantity


def _chargeable(earlier: Decimal, quantities: Sequence[Decimal], *, free: Decimal, adds_up: bool) -> Sequence[Decimal]:
    """Give what each phase charges; a quantity that does not add up is that of the whole cycle, earlier part included."""
    grown = quantities if adds_up else [quantity - earlier for quantity in quantities]
    _earlier_part, *parts = chargeable_by_phase([earlier, *grown], free=free)
    return parts


def figures_of(waterfall: Waterfall, event_count: int) -> Figures:
    """Give the figures of a whole charge."""
    return Figures(
        waterfall.quantity,
        event_count,
        waterfall.free_quantity,
        waterfall.credited_quantity,
        waterfall.chargeable_quantity,
        waterfall.charge.unrounded_amount,
        waterfall.charge.amount,
        waterfall.charge.minimum_top_up,
    )


def _draws(
    parts: Sequence[Period],
    chargeable: Sequence[Decimal],
    before: Sequence[Decimal],
    drawn: Sequence[Draw],
    held: Sequence[Balance],
) -> tuple[Draw, ...]:
    """Take the steps of Note [An adjustment]; give what each phase holds drawn after them."""
    kept = [_kept(part, limit, drawn, held) for part, limit in zip(parts, chargeable, strict=True)]
    given_up = _by_period([*drawn, *(replace(draw, amount=-draw.amount) for part in kept for draw in part)])
    freed = tuple(replace(balance, available=given_up.get(balance.grant_period_id, _NOTHING)) for balance in held)
    left = tuple(held)
    found: list[Draw] = []
    for part, limit, former, own in zip(parts, chargeable, before, kept, strict=True):
        gap = limit - _total(own)
        again = burn(amount=gap, balances=freed, usage_period=part)
        freed = after(freed, again)
        grown = min(gap - _total(again), max(limit - former, _NOTHING))
        more = burn(amount=grown, balances=left, usage_period=part)
        left = after(left, more)
        found += _merged([*own, *again, *more])
    return tuple(found)


def _kept(part: Period, limit: Decimal, drawn: Sequence[Draw], held: Sequence[Balance]) -> tuple[Draw, ...]:
    """Keep a phase's draws up to what it charges, in burn order."""
    order = {balance.grant_period_id: number for number, balance in enumerate(held)}
    own = sorted((draw for draw in drawn if draw.usage_period == part), key=lambda draw: order[draw.grant_period_id])
    kept, left = [], limit
    for draw in own:
        taken = min(draw.amount, left)
        if taken > 0:
            kept.append(replace(draw, amount=taken))
            left -= taken
    return tuple(kept)


def _waterfall(usage: MeteredUsage, closed: ClosedCharge, draws: tuple[Draw, ...]) -> Waterfall:
    earlier = _earlier(usage)
    whole = (usage.quantity or _NOTHING) + (earlier if usage.phases is not None else _NOTHING)
    burned = summed_up(whole, closed.terms.free_threshold, draws, earlier)
    return Waterfall(
        quantity=usage.quantity,
        free_quantity=burned.free_quantity,
        draws=draws,
        credited_quantity=burned.credited_quantity,
        chargeable_quantity=burned.remaining_quantity,
        charge=price(burned.remaining_quantity, closed.terms, earlier=usage.earlier, proration=closed.proration),
        proration=closed.proration,
        phases=usage.phases,
        earlier=usage.earlier,
    )


def _moves(before: Sequence[Draw], now: Sequence[Draw]) -> tuple[Draw, ...]:
    moved = _merged([*now, *(replace(draw, amount=-draw.amount) for draw in before)])
    return tuple(draw for draw in moved if draw.amount)


@exact()
def merged(draws: Iterable[Draw]) -> tuple[Draw, ...]:
    """Add draws up by phase and grant period, in order of their first mention; those that come to nothing are left out."""
    return tuple(draw for draw in _merged(draws) if draw.amount)


def _merged(draws: Iterable[Draw]) -> list[Draw]:
    summed: dict[tuple[Period, int], Draw] = {}
    for draw in draws:
        key = (draw.usage_period, draw.grant_period_id)
        summed[key] = replace(draw, amount=draw.amount + summed[key].amount) if key in summed else draw
    return list(summed.values())


@exact()
def by_period(draws: Iterable[Draw]) -> Mapping[int, Decimal]:
    """Add draws up by grant period."""
    return _by_period(draws)


def _by_period(draws: Iterable[Draw]) -> dict[int, Decimal]:
    summed: dict[int, Decimal] = {}
    for draw in draws:
        summed[draw.grant_period_id] = summed.get(draw.grant_period_id, _NOTHING) + draw.amount
    return summed


def _total(draws: Iterable[Draw]) -> Decimal:
    return sum((draw.amount for draw in draws), _NOTHING)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None and other is None else (one or _NOTHING) + (other or _NOTHING)
