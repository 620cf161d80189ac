"""Read what customers hold: the sum of each period's entries, as the pure balances that burning takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from core.periods import FOREVER, Period
from credits import renewal
from credits.burndown import Balance, Draw, after
from credits.models import CreditGrant, GrantPeriod


@dataclass(frozen=True)
class Held:
    """One grant period's balance with the grant that it belongs to."""

    grant: CreditGrant
    balance: Balance


def held(*, customer_ids: Iterable[int], within: Period) -> tuple[Held, ...]:
    """Read the open periods of the customers that overlap a time, in one query; settled ones hold nothing that may be drawn."""
    periods = (
        GrantPeriod.objects.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=within.start),
            grant__customer_id__in=set(customer_ids),
            settled_at=None,
            starts_at__lt=within.end,
        )
        .annotate(available=Coalesce(Sum("entries__amount"), Decimal(0)))
        .select_related("grant")
        .order_by("id")
    )
    return tuple(Held(period.grant, _balance(period.id, period.grant, _period(period), period.available)) for period in periods)


def foreseen(*, customer_ids: Iterable[int], within: Period) -> tuple[Held, ...]:
    """Read as `held` does, together with the periods that renewing grants will have by then; writes nothing.

    Those not made yet have negative ids.
    """
    customers = set(customer_ids)
    found = held(customer_ids=customers, within=within)
    stored = set(GrantPeriod.objects.filter(grant__customer_id__in=customers).values_list("grant_id", "starts_at"))
    coming = [
        Held(one.grant, _balance(-number, one.grant, one.period, one.grant.amount))
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


def _period(period: GrantPeriod) -> Period:
    return Period(period.starts_at, period.ends_at or FOREVER)


def _balance(period_id: int, grant: CreditGrant, period: Period, available: Decimal) -> Balance:
    return Balance(period_id, grant.id, grant.priority, period, available, grant.voided_at)
