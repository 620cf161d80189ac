"""Say what credit is left right now: the ledger, less what usage that is on no issued invoice yet has burned.

The figures come from invoices.preview, so that what is shown equals what the invoices to come will draw, if nothing more happens.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum
from django.db.models.functions import Coalesce

from core.money import exact
from core.periods import FOREVER, Period
from credits import balances
from credits.burndown import Balance, Draw
from credits.models import CreditGrant, GrantPeriod
from invoices import preview
from invoices.preview import Preview

Key = tuple[int, datetime]  # a grant's internal id and where a period of it begins: periods to come have no id yet


@dataclass(frozen=True, slots=True)
class PeriodBalance:
    """What one grant period holds, in units or minor units. entered: by the ledger.  left: after the live burn."""

    grant_id: int
    period: Period
    entered: Decimal
    left: Decimal
    usable: Period | None
    settled_at: datetime | None = None

    @property
    @exact()
    def live_burn(self) -> Decimal:
        return self.entered - self.left

    def is_usable_at(self, instant: datetime) -> bool:
        return self.settled_at is None and self.usable is not None and self.usable.contains(instant)


@dataclass(frozen=True, slots=True)
class LiveDraw:
    """What a line that is not issued yet takes from a grant period. description: "" for what comes off a whole invoice."""

    grant_id: int
    period_starts_at: datetime
    cycle: Period
    description: str
    amount: Decimal


@dataclass(frozen=True)
class LiveCredit:
    """The credit of some customers at one instant: every period in order of grant and time, and what drafts take."""

    periods: tuple[PeriodBalance, ...]
    draws: tuple[LiveDraw, ...]

    @exact()
    def left(self, grant_id: int, *, at: datetime) -> Decimal:
        """Sum what the periods of a grant that are usable at an instant have left."""
        found = (one.left for one in self.periods if one.grant_id == grant_id and one.is_usable_at(at))
        return sum(found, Decimal(0))

    @exact()
    def left_of_usable(self, *, at: datetime) -> Mapping[int, Decimal]:
        """Sum the same for every grant at once; one without a usable period is missing."""
        found: dict[int, Decimal] = {}
        for one in self.periods:
            if one.is_usable_at(at):
                found[one.grant_id] = found.get(one.grant_id, Decimal(0)) + one.left
        return found

    @exact()
    def entered(self, grant_id: int, *, at: datetime) -> Decimal:
        """Sum what the ledger gives the periods of a grant that are usable at an instant."""
        found = (one.entered for one in self.periods if one.grant_id == grant_id and one.is_usable_at(at))
        return sum(found, Decimal(0))

    def of_grant(self, grant_id: int) -> "LiveCredit":
        """Keep what concerns one grant."""
        return LiveCredit(
            tuple(one for one in self.periods if one.grant_id == grant_id),
            tuple(one for one in self.draws if one.grant_id == grant_id),
        )


def of_customers(customer_ids: Collection[int], *, now: datetime) -> LiveCredit:
    """Compute the live credit of customers; what they will be given is there from its first instant on. Writes nothing."""
    return combined(customer_ids, preview.of_customers(customer_ids, now=now).values(), now=now)


def combined(customer_ids: Collection[int], previews: Collection[Preview], *, now: datetime) -> LiveCredit:
    """Put previews of all open points of the customers, in their order, together with the ledger."""
    cycles = [balances.at(now), *(one.point.plan.period for one in previews)]
    within = Period(min(cycle.start for cycle in cycles), max(cycle.end for cycle in cycles))
    found = {_key(held): _period(held.balance) for held in balances.foreseen(customer_ids=customer_ids, within=within)}
    found |= _stored(customer_ids)
    left: dict[int, tuple[balances.Held, ...]] = {}
    keys: dict[int, Key] = {}
    draws: list[LiveDraw] = []
    for one in previews:
        left[one.point.customer_id] = one.holdings
        keys |= {held.balance.grant_period_id: _key(held) for held in one.holdings}
        draws += _draws(one, keys)
    for held in (held for holdings in left.values() for held in holdings):
        found[_key(held)] = replace(found[_key(held)], left=held.balance.available)
    return LiveCredit(tuple(found[key] for key in sorted(found)), tuple(draws))


def _key(held: balances.Held) -> Key:
    return held.grant.id, held.balance.period.start


def _period(balance: Balance, settled_at: datetime | None = None) -> PeriodBalance:
    entered = balance.available
    return PeriodBalance(balance.grant_id, balance.period, entered, entered, balance.usable, settled_at)


def _stored(customer_ids: Collection[int]) -> Mapping[Key, PeriodBalance]:
    rows = (
        GrantPeriod.objects.filter(grant__in=CreditGrant.objects.filter(customer__in=customer_ids))
        .annotate(entered=Coalesce(Sum("entries__amount"), Decimal(0)))
        .values_list("id", "grant_id", "starts_at", "ends_at", "settled_at", "grant__voided_at", "entered")
    )
    found = {}
    for key, grant_id, starts_at, ends_at, settled_at, voided_at, entered in rows:
        balance = Balance(key, grant_id, 0, Period(starts_at, ends_at or FOREVER), entered, voided_at)
        found[(grant_id, starts_at)] = _period(balance, settled_at)
    return found


def _draws(one: Preview, keys: Mapping[int, Key]) -> Iterable[LiveDraw]:
    cycle = one.point.plan.period
    for line in one.made.lines:
        for draw in line.waterfall.draws if line.waterfall else ():
            yield _live(draw, keys, cycle, line.description)
    for credit in one.made.credits:
        yield _live(Draw(credit.grant_period_id, credit.grant_id, Decimal(credit.amount), cycle), keys, cycle, "")


def _live(draw: Draw, keys: Mapping[int, Key], cycle: Period, description: str) -> LiveDraw:
    grant_id, starts_at = keys[draw.grant_period_id]
    return LiveDraw(grant_id, starts_at, cycle, description, draw.amount)
