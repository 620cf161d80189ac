"""Notice grants whose live balance falls to their threshold, and tell it once for each crossing.

Safe to run twice or by two workers: a crossing is a row that stays open until the balance rises again, written under the grant's lock.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from django.db import transaction
from django.db.models import Q

from core.money import plain
from credits.models import CreditGrant, CreditKind, LowBalance
from invoices import live_credit
from webhooks.event_types import EventType
from webhooks.outbox import Happening, tell

CUSTOMERS_AT_ONCE = 200


def check(*, now: datetime, customer_ids: Collection[int] | None = None) -> int:
    """Compare the live balances of grants that have a threshold, of these customers or all; give the number of new crossings.

    Grants without a threshold cost nothing. One that ended, or whose threshold was taken away, is low no more.
    """
    crossed = 0
    for batch in _batches(_watched(customer_ids)):
        credit = live_credit.of_customers({grant.customer_id for grant in batch}, now=now)
        open_ids = set(LowBalance.objects.filter(grant__in=batch, recovered_at=None).values_list("grant", flat=True))
        for grant in batch:
            alive = [one for one in credit.of_grant(grant.id).periods if one.is_usable_at(now)]
            left = credit.left(grant.id, at=now)
            low = bool(alive) and grant.low_balance_threshold is not None and left <= grant.low_balance_threshold
            if low != (grant.id in open_ids):
                crossed += _cross(grant, left, now) if low else _recover(grant, now)
    return crossed


def _watched(customer_ids: Collection[int] | None) -> Sequence[CreditGrant]:
    low = LowBalance.objects.filter(recovered_at=None).values("grant")
    watched = Q(low_balance_threshold__isnull=False, voided_at=None) | Q(id__in=low)
    of_these = Q() if customer_ids is None else Q(customer__in=customer_ids)
    return list(CreditGrant.objects.filter(watched, of_these).select_related("customer", "meter").order_by("customer", "id"))


def _batches(grants: Sequence[CreditGrant]) -> Sequence[list[CreditGrant]]:
    """Cut grants, sorted by customer, into lists of so many customers."""
    of_customers = [list(own) for _customer, own in groupby(grants, key=lambda grant: grant.customer_id)]
    starts = range(0, len(of_customers), CUSTOMERS_AT_ONCE)
    return [[grant for own in of_customers[start : start + CUSTOMERS_AT_ONCE] for grant in own] for start in starts]


@transaction.atomic
def _cross(grant: CreditGrant, left: Decimal, now: datetime) -> int:
    """Open a crossing and tell it, unless another worker just did."""
    CreditGrant.objects.select_for_update(no_key=True).get(id=grant.id)
    if LowBalance.objects.filter(grant=grant, recovered_at=None).exists():
        return 0
    made = LowBalance.objects.create(grant=grant, crossed_at=now)
    threshold = grant.low_balance_threshold or Decimal(0)
    told = {
        "customer_id": grant.customer.public_id,
        "credit_grant_id": grant.public_id,
        "name": grant.name or None,
        "kind": grant.kind,
        "meter_id": grant.meter.public_id if grant.meter else None,
        "currency": grant.currency,
        "balance": _number(grant, left),
        "low_balance_threshold": _number(grant, threshold),
        "crossed_at": now.isoformat(),
    }
    tell([Happening(EventType.CREDIT_LOW.value, f"credit.balance_low:{made.id}", told)], now=now)
    return 1


def _recover(grant: CreditGrant, now: datetime) -> int:
    LowBalance.objects.filter(grant=grant, recovered_at=None).update(recovered_at=now)
    return 0


def _number(grant: CreditGrant, number: Decimal) -> int | str:
    return int(number) if grant.kind == CreditKind.MONEY else plain(number)
