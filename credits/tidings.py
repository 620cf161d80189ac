"""Tell endpoints what expired, and what of it did not after all."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from core.money import plain
from credits.models import CreditGrant, CreditKind, GrantPeriod
from webhooks import outbox
from webhooks.event_types import EventType
from webhooks.outbox import Happening


class Expired(NamedTuple):
    """What a grant's period held when it expired. amount: units or minor units, above 0.  cause: that of the entry."""

    grant_id: int
    starts_at: datetime
    ends_at: datetime | None
    amount: Decimal
    cause: str


def tell_expired(expired: Sequence[Expired], *, now: datetime) -> None:
    """Queue a message for each, in the caller's transaction. Costs one query where nobody wants to know, none for nothing."""
    _tell(EventType.CREDIT_EXPIRED, expired, now)


def tell_reversed(restored: Sequence[Expired], *, now: datetime) -> None:
    """Queue a message for each expiry that was taken back because an invoice was voided to be billed again."""
    _tell(EventType.CREDIT_EXPIRY_REVERSED, restored, now)


def of_period(period: GrantPeriod, amount: Decimal, cause: str) -> Expired:
    """Give what expired in a stored period, or was taken back."""
    return Expired(period.grant_id, period.starts_at, period.ends_at, amount, cause)


def _tell(kind: EventType, expired: Sequence[Expired], now: datetime) -> None:
    if not expired or not outbox.wanting():
        return
    ids = {one.grant_id for one in expired}
    grants = {grant.id: grant for grant in CreditGrant.objects.filter(id__in=ids).select_related("customer", "meter")}
    outbox.tell([_happening(kind, one, grants[one.grant_id]) for one in expired], now=now)


def _happening(kind: EventType, one: Expired, grant: CreditGrant) -> Happening:
    told = {
        "customer_id": grant.customer.public_id,
        "credit_grant_id": grant.public_id,
        "name": grant.name or None,
        "kind": grant.kind,
        "meter_id": grant.meter.public_id if grant.meter else None,
        "currency": grant.currency,
        "amount": int(one.amount) if grant.kind == CreditKind.MONEY else plain(one.amount),
        "period_start": one.starts_at.isoformat(),
        "period_end": None if one.ends_at is None else one.ends_at.isoformat(),
    }
    return Happening(kind.value, f"credit.{one.cause}", told)
