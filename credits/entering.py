"""Add to what a grant gives by hand, and take from it, once for a key of the sender's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from access.actors import Actor
from core.errors import DomainError
from core.ids import public_id
from core.money import plain
from credits import idempotency, renewal
from credits.grants import judge_amount
from credits.models import CreditEntry, CreditGrant, EntryKind, GrantPeriod
from customers.models import Customer


class GrantNotUsable(DomainError):
    """The grant gives nothing at this instant that could be topped up."""

    code = "CREDIT_GRANT_NOT_USABLE"


class BalanceTooLow(DomainError):
    """What is to be taken back is not there any more."""

    code = "INSUFFICIENT_CREDIT_BALANCE"


@transaction.atomic
def top_up(
    *, grant: CreditGrant, amount: Decimal, reason: str, actor: Actor, now: datetime, idempotency_key: str | None = None
) -> CreditEntry:
    """Add to what a grant gives in its period of this instant, once; later periods begin with what the grant says.

    amount: as the grant's. The same idempotency_key again gives the first entry again.
    Raises GrantInvalid, GrantNotUsable, IdempotencyKeyReused.
    """
    judge_amount(grant.kind, amount)
    if (earlier := _earlier(grant, amount, reason, idempotency_key)) is not None:
        return earlier
    period = _usable_period(grant, actor, now)
    return _enter(period, EntryKind.TOPPED_UP, amount, idempotency_key, reason, actor, now)


@transaction.atomic
def debit(
    *,
    grant: CreditGrant,
    amount: Decimal,
    left: Callable[[], Decimal],
    reason: str,
    actor: Actor,
    now: datetime,
    idempotency_key: str | None = None,
) -> CreditEntry:
    """Take from what a grant gives in its period of this instant, once; what usage so far has burned stays burned.

    amount: as the grant's, above 0.  left: gives what the grant has left after all usage so far; asked while the customer is locked.
    The same idempotency_key again gives the first entry again.
    Raises GrantInvalid, GrantNotUsable, IdempotencyKeyReused, BalanceTooLow.
    """
    judge_amount(grant.kind, amount)
    if (earlier := _earlier(grant, -amount, reason, idempotency_key)) is not None:
        return earlier
    period = _usable_period(grant, actor, now)
    if amount > (available := left()):
        raise BalanceTooLow(f"The grant has {plain(available)} left; no more than that can be taken.", field="amount")
    return _enter(period, EntryKind.DEBITED, -amount, idempotency_key, reason, actor, now)


def _earlier(grant: CreditGrant, amount: Decimal, reason: str, idempotency_key: str | None) -> CreditEntry | None:
    """Lock the grant's customer, and give what the key has entered before. amount: below 0 for a debit. Raises IdempotencyKeyReused."""
    Customer.objects.select_for_update(no_key=True).get(id=grant.customer_id)
    if idempotency_key is None:
        return None
    causes = [_cause(kind, grant.id, idempotency_key) for kind in (EntryKind.TOPPED_UP, EntryKind.DEBITED)]
    earlier = CreditEntry.objects.filter(cause__in=causes).first()
    if earlier is not None:
        first = _asked(earlier.amount, earlier.reason)
        idempotency.hold_to(first, _asked(amount, reason), what="an entry of this grant")
    return earlier


def _asked(amount: Decimal, reason: str) -> dict[str, object]:
    return {"entry_type": "credit" if amount > 0 else "debit", "amount": abs(amount), "reason": reason}


def _cause(kind: EntryKind, grant_id: int, key: str) -> str:
    return f"{kind.value}:{grant_id}:{key}"


def _usable_period(grant: CreditGrant, actor: Actor, now: datetime) -> GrantPeriod:
    renewal.make_periods(customer_ids=[grant.customer_id], until=now + timedelta(microseconds=1), actor=actor, now=now)
    running = Q(starts_at__lte=now) & (Q(ends_at__isnull=True) | Q(ends_at__gt=now))
    period = grant.periods.filter(running, settled_at__isnull=True, grant__voided_at__isnull=True).order_by("-starts_at").first()
    if period is None:
        raise GrantNotUsable("The grant has not begun, has ended or was voided. Give the customer another one.")
    return period


def _enter(
    period: GrantPeriod, kind: EntryKind, amount: Decimal, key: str | None, reason: str, actor: Actor, now: datetime
) -> CreditEntry:
    return CreditEntry.objects.create(
        period=period,
        kind=kind,
        amount=amount,
        cause=_cause(kind, period.grant_id, key or public_id("ent")),
        actor_kind=actor.kind,
        actor_id=actor.id,
        reason=reason,
        created_at=now,
    )
