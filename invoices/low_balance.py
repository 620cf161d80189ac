"""Notice grants whose live balance falls to their threshold, and tell it once for each crossing.

Safe to run twice or by two workers: a crossing is a row that stays open until the balance rises again, written under the grant's lock.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from core.money import plain
from credits.models import CreditGrant, CreditKind, LowBalance
from invoices import live_credit
from webhooks.event_types import EventType
from webhooks.outbox import Happening, tell

CUSTOMERS_AT_ONCE = 1000  # as many as a billing run computes at once


class _Watched(NamedTuple):
    """A grant that has a threshold, or is low."""

    id: int
    customer_id: int
    threshold: Decimal | None


def check(*, now: datetime, customer_ids: Collection[int] | None = None) -> int:
    """Compare the live balances of grants that have a threshold, of these customers or all; give the number of new crossings.

    Grants without a threshold cost nothing. One that ended, or whose threshold was taken away, is low no more.
    """
    crossed = 0
    for batch in _batches(_watched(customer_ids)):
        left = live_credit.of_customers({one.customer_id for one in batch}, now=now).left_of_usable(at=now)
        of_batch = LowBalance.objects.filter(grant__in=[one.id for one in batch], recovered_at=None)
        open_ids = set(of_batch.values_list("grant", flat=True))
        for one in batch:
            balance = left.get(one.id)  # None where it gives nothing now
            low = balance is not None and one.threshold is not None and balance <= one.threshold
            if low and one.id not in open_ids:
                crossed += _cross(one.id, balance or Decimal(0), now)
            elif one.id in open_ids and not low:
                LowBalance.objects.filter(grant=one.id, recovered_at=None).update(recovered_at=now)
    return crossed


def _watched(customer_ids: Collection[int] | None) -> Sequence[_Watched]:
    low = LowBalance.objects.filter(recovered_at=None).values("grant")
    watched = Q(low_balance_threshold__isnull=False, voided_at=None) | Q(id__in=low)
    of_these = Q() if customer_ids is None else Q(customer__in=customer_ids)
    rows = CreditGrant.objects.filter(watched, of_these).order_by("customer", "id")
    return [_Watched._make(row) for row in rows.values_list("id", "customer_id", "low_balance_threshold")]


def _batches(grants: Sequence[_Watched]) -> Sequence[list[_Watched]]:
    """Cut grants, sorted by customer, into lists of so many customers."""
    of_customers = [list(own) for _customer, own in groupby(grants, key=lambda grant: grant.customer_id)]
    starts = range(0, len(of_customers), CUSTOMERS_AT_ONCE)
    return [[grant for own in of_customers[start : start + CUSTOMERS_AT_ONCE] for grant in own] for start in starts]


@transaction.atomic
def _cross(grant_id: int, left: Decimal, now: datetime) -> bool:
    """Open a crossing and tell it, unless another worker just did."""
    grant = CreditGrant.objects.select_for_update(no_key=True).get(id=grant_id)
    if LowBalance.objects.filter(grant=grant, recovered_at=None).exists():
        return False
    made = LowBalance.objects.create(grant=grant, crossed_at=now)
    told = {
        "customer_id": grant.customer.public_id,
        "credit_grant_id": grant.public_id,
        "name": grant.name or None,
        "kind": grant.kind,
        "meter_id": grant.meter.public_id if grant.meter else None,
        "currency": grant.currency,
        "balance": _number(grant, left),
        "low_balance_threshold": _number(grant, grant.low_balance_threshold or Decimal(0)),
        "crossed_at": now.isoformat(),
    }
    tell([Happening(EventType.CREDIT_LOW.value, f"credit.balance_low:{made.id}", told)], now=now)
    return True


def _number(grant: CreditGrant, number: Decimal) -> int | str:
    return int(number) if grant.kind == CreditKind.MONEY else plain(number)
