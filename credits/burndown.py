"""Use credits up: in one total order, never more than they hold, never more than there is to cover. PURE.

The grant period with the smaller priority number burns first; then the one that ends earlier (no end is last), that starts
earlier, that has the smaller id.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core.money import exact
from core.periods import Period

_LAST_INSTANT = timedelta(microseconds=1)
_NONE = Decimal(0)


class Balance(Struct, frozen=True):
    """What one grant period still holds.

    available: units of the meter, or minor units of the currency.  period: as granted, open when it never expires.
    voided_at: from when on it may no longer be drawn on, if it was voided.
    """

    grant_period_id: int
    grant_id: int
    priority: int
    period: Period
    available: Decimal
    voided_at: datetime | None = None

    @property
    def usable(self) -> Period | None:
        """When the balance may be drawn on; None when it was voided before it started."""
        if self.voided_at is None:
            return self.period
        return Period(self.period.start, min(self.period.end, self.voided_at)) if self.voided_at > self.period.start else None


class Draw(Struct, frozen=True):
    """Units or minor units taken from one grant period, for usage within `usage_period`. amount > 0."""

    grant_period_id: int
    grant_id: int
    amount: Decimal
    usage_period: Period


class PhaseUsage(Struct, frozen=True):
    """A meter's usage in one part of a cycle. quantity: in the meter's unit; a sum may fall, so it may be negative."""

    period: Period
    quantity: Decimal


class UnitBurn(Struct, frozen=True):
    """Steps 2 and 3 of a charge. free + credited + remaining units = what the quantity has grown by, unless it fell."""

    free_quantity: Decimal
    draws: tuple[Draw, ...]
    credited_quantity: Decimal
    remaining_quantity: Decimal


def in_burn_order(balances: Iterable[Balance]) -> tuple[Balance, ...]:
    """Sort by the one order of burning; no two balances are equal in it."""
    balances = tuple(balances)
    if len(balances) < 2:
        return balances
    return tuple(sorted(balances, key=lambda b: (b.priority, b.period.end, b.period.start, b.grant_id, b.grant_period_id)))


@exact()
def burn(*, amount: Decimal, balances: Iterable[Balance], usage_period: Period) -> tuple[Draw, ...]:
    """Cover an amount from the balances that are usable at some instant of the usage's period, in burn order.

    amount: units or minor units; zero and less draw nothing. The draws add up to the amount, or to all that is available.
    """
    draws, left = [], amount
    for balance in in_burn_order(balances):
        if left <= 0:
            break
        taken = min(left, balance.available)
        if taken > 0 and (usable := balance.usable) is not None and usable.overlaps(usage_period):
            draws.append(Draw(balance.grant_period_id, balance.grant_id, taken, usage_period))
            left -= taken
    return tuple(draws)


@exact()
def after(balances: Iterable[Balance], draws: Iterable[Draw]) -> tuple[Balance, ...]:
    """Give the balances that are left when the draws are taken."""
    taken = totals(draws)
    return tuple(
        [replace(b, available=b.available - taken[b.grant_period_id]) if b.grant_period_id in taken else b for b in balances]
    )


def phases(*, cycle: Period, balances: Iterable[Balance]) -> tuple[Period, ...]:
    """Cut a cycle wherever a balance that it could use starts, ends or is voided; usage is asked for by these parts."""
    usable = [u for b in balances if (u := b.usable) is not None and u.overlaps(cycle)]
    return cycle.cut({instant for period in usable for instant in (period.start, period.end)})


@exact()
def burn_by_phase(
    *, usages: Sequence[PhaseUsage], free: Decimal, balances: Iterable[Balance], before: Decimal = Decimal(0)
) -> UnitBurn:
    """Take free units and unit credits off the usage of a count or sum meter.

    usages: the parts of the cycle in order of time, as `phases` cuts it.  free: units; they are used up first in time.
    before: what was counted in the cycle before these parts, which has used up free units too.
    """
    draws: list[Draw] = []
    left = tuple(balances)
    quantities = [usage.quantity for usage in usages]
    if left:
        _earlier, *chargeable = chargeable_by_phase([before, *quantities], free=free)
        for usage, amount in zip(usages, chargeable, strict=True):
            if drawn := burn(amount=amount, balances=left, usage_period=usage.period):
                left = after(left, drawn)
                draws += drawn
    return summed_up(sum(quantities, before), free, tuple(draws), before)


@exact()
def burn_at_end(
    *, quantity: Decimal, cycle: Period, free: Decimal, balances: Iterable[Balance], before: Decimal = Decimal(0)
) -> UnitBurn:
    """Take free units and unit credits off the quantity of a max or last meter.

    Such a quantity belongs to no instant, so it burns what is alive at the cycle's last one. before: what it was at an earlier
    instant of the cycle; only what it has grown by since is charged.
    """
    draws: tuple[Draw, ...] = ()
    if balances := tuple(balances):
        closing = Period(cycle.end - _LAST_INSTANT, cycle.end)
        grown = max(quantity - free, _NONE) - max(before - free, _NONE)
        draws = burn(amount=grown, balances=balances, usage_period=closing)
    return summed_up(quantity, free, draws, before)


@exact()
def chargeable_by_phase(quantities: Sequence[Decimal], *, free: Decimal) -> tuple[Decimal, ...]:
    """Spread max(sum of quantities - free, 0) over the phases: each gets its growth of that figure, none less than zero.

    A fall is carried: later phases get nothing until the growth has made it good. What is still owed at the end is taken back
    from the latest phases, so that the parts always add up and credits never cover more than is charged.
    """
    parts: list[Decimal] = []
    cumulative = spread = reached = _NONE
    for quantity in quantities:
        cumulative += quantity
        reached = max(cumulative - free, _NONE)
        parts.append(max(reached - spread, _NONE))
        spread += parts[-1]
    excess = spread - reached
    for i in reversed(range(len(parts)) if excess else ()):
        back = min(parts[i], excess)
        parts[i] -= back
        excess -= back
    return tuple(parts)


def totals(draws: Iterable[Draw]) -> Mapping[int, Decimal]:
    """Add the draws up by grant period."""
    summed: dict[int, Decimal] = {}
    with exact():
        for draw in draws:
            summed[draw.grant_period_id] = summed.get(draw.grant_period_id, _NONE) + draw.amount
    return summed


def summed_up(quantity: Decimal, free: Decimal, draws: tuple[Draw, ...], before: Decimal) -> UnitBurn:
    """Sum steps 2 and 3 up. quantity: that of the whole cycle so far, `before` that of its earlier part; draws: what credits cover."""
    used_before = max(before, _NONE)
    used = max(quantity, used_before)
    free_quantity = min(used, free) - min(used_before, free)
    credited = sum([draw.amount for draw in draws], _NONE)
    return UnitBurn(free_quantity, draws, credited, used - used_before - free_quantity - credited)
