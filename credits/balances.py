"""Read what customers hold: the sum of each period's entries, as the pure balances that burning takes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core import database
from core.periods import FOREVER, Period
from core.sql import load
from credits import renewal
from credits.burndown import Balance, Draw, after
from credits.models import GrantPeriod
from credits.rules import Rule


class Held(Struct, frozen=True):
    """One grant period's balance with the grant that it belongs to."""

    grant: Rule
    balance: Balance


def held(*, customer_ids: Iterable[int], within: Period) -> tuple[Held, ...]:
    """Read the open periods of the customers that overlap a time, in one query; settled ones hold nothing that may be drawn."""
    bound = {"customers": database.array(set(customer_ids)), "start": within.start, "end": within.end}
    found = []
    periods: dict[tuple[datetime, datetime | None], Period] = {}  # most grants renew with the same few
    for row in database.read(load(__file__, "held"), bound):
        grant, ends = Rule._make(row[4:]), row[1:3]
        period = periods.get(ends)
        if period is None:
            period = periods[ends] = Period(row[1], row[2] or FOREVER)
        found.append(Held(grant, _balance(row[0], grant, period, row[3])))
    return tuple(found)


def foreseen(*, customer_ids: Iterable[int], within: Period) -> tuple[Held, ...]:
    """Read as `held` does, together with the periods that renewing grants will have by then; writes nothing.

    Those not made yet have negative ids.
    """
    customers = set(customer_ids)
    found = held(customer_ids=customers, within=within)
    stored = set(GrantPeriod.objects.filter(grant__customer_id__in=customers).values_list("grant_id", "starts_at"))
    coming = [
        Held(one.grant, _balance(-number, one.grant, one.period, one.amount))
        for number, one in enumerate(renewal.wanted(customer_ids=customers, until=within.end), 1)
        if (one.grant.id, one.period.start) not in stored and one.period.overlaps(within)
    ]
    return (*found, *coming)


def at(instant: datetime) -> Period:
    """Give the shortest period that holds an instant."""
    return Period(instant, instant + timedelta(microseconds=1))


def less(holdings: Sequence[Held], draws: Iterable[Draw]) -> tuple[Held, ...]:
    """Give the holdings that are left when the draws are taken."""
    left = after([one.balance for one in holdings], draws)
    return tuple(replace(one, balance=balance) for one, balance in zip(holdings, left, strict=True))


def _balance(period_id: int, grant: Rule, period: Period, available: Decimal) -> Balance:
    return Balance(period_id, grant.id, grant.priority, period, available, grant.voided_at)
