"""Say how each period of a grant stands: what it was given, what is left of it now, when it ended, and what rolled over."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from django.db.models import Count, Max, Min, Q, Sum

from core.periods import FOREVER
from credits import renewal
from credits.burndown import Balance
from credits.models import CreditEntry, CreditGrant, EntryKind
from invoices import live_credit
from invoices.live_credit import PeriodBalance

_GIVEN = (EntryKind.GRANTED, EntryKind.ROLLED_IN, EntryKind.TOPPED_UP)


class _Ledger(NamedTuple):
    """What the entries of a period come to. given: what was ever added, without what came back."""

    starts_at: datetime
    given: Decimal
    rolled_in: int
    rolled_out: int
    first_at: datetime
    latest_at: datetime


@dataclass(frozen=True, slots=True)
class PeriodStanding:
    """One period of a grant, in its unit or in minor units.

    given: granted, rolled in and topped up.  left: after the live burn.  ends_at: the earliest of its end, of the grant's void and of
    its withdrawal; None where it has no end.  rollovers: through how many periods in a row credit has rolled over into it.
    created_at, updated_at: of its first and latest entry; its start where it has none yet.
    """

    starts_at: datetime
    ends_at: datetime | None
    given: Decimal
    left: Decimal
    rollovers: int
    rolled_over: bool
    created_at: datetime
    updated_at: datetime

    def has_ended(self, *, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at


def of_grant(grant: CreditGrant, *, now: datetime) -> Sequence[PeriodStanding]:
    """List a grant's periods that have begun or are stored, the oldest first; nothing need have drawn on them yet."""
    stored = live_credit.of_customers([grant.customer_id], now=now).of_grant(grant.id).periods
    periods = sorted((*stored, *_not_needed_yet(grant, stored, now)), key=lambda one: one.period)
    ledgers = _ledgers(grant)
    rollovers = _rollovers(periods, ledgers)
    return [_standing(one, ledgers.get(one.period.start), rollovers.get(one.period.start, 0)) for one in periods]


def _not_needed_yet(grant: CreditGrant, stored: Sequence[PeriodBalance], now: datetime) -> Iterator[PeriodBalance]:
    """Give the periods that have begun by now and that no usage has asked for, as they will be made."""
    known = {one.period.start for one in stored}
    for one in renewal.wanted(customer_ids=[grant.customer_id], until=now):
        if one.grant.id == grant.id and one.period.start not in known:
            usable = Balance(0, grant.id, grant.priority, one.period, one.amount, grant.voided_at).usable
            yield PeriodBalance(grant.id, one.period, one.amount, one.amount, usable)


def _ledgers(grant: CreditGrant) -> Mapping[datetime, _Ledger]:
    entries = CreditEntry.objects.filter(period__grant=grant)
    rows = entries.values_list("period__starts_at").annotate(
        given=Sum("amount", filter=Q(kind__in=_GIVEN), default=Decimal(0)),
        rolled_in=Count("id", filter=Q(kind=EntryKind.ROLLED_IN)),
        rolled_out=Count("id", filter=Q(kind=EntryKind.ROLLED_OUT)),
        first_at=Min("created_at"),
        latest_at=Max("created_at"),
    )
    return {row[0]: _Ledger._make(row) for row in rows}


def _rollovers(periods: Sequence[PeriodBalance], ledgers: Mapping[datetime, _Ledger]) -> Mapping[datetime, int]:
    """Count, by start, through how many periods before it credit has come into each."""
    found: dict[datetime, int] = {}
    for before, after in pairwise(one.period.start for one in periods):
        if after in ledgers and ledgers[after].rolled_in:
            found[after] = found.get(before, 0) + 1
    return found


def _standing(one: PeriodBalance, ledger: _Ledger | None, rollovers: int) -> PeriodStanding:
    start = one.period.start
    end = one.usable.end if one.usable else start
    if one.settled_at is not None:  # before its end only where it was withdrawn
        end = min(end, max(start, one.settled_at))
    return PeriodStanding(
        starts_at=start,
        ends_at=None if end == FOREVER else end,
        given=ledger.given if ledger else one.entered,
        left=one.left,
        rollovers=rollovers,
        rolled_over=bool(ledger and ledger.rolled_out),
        created_at=ledger.first_at if ledger else start,
        updated_at=ledger.latest_at if ledger else start,
    )
