"""Take back grant periods that were made ahead and will never begin, and give them again where they do after all."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from access.actors import Actor
from credits.models import CreditEntry, EntryKind, GrantPeriod

WITHDRAWN = "withdrawn:"


def withdraw(period_ids: Collection[int], *, actor: Actor, now: datetime) -> None:
    """Close open periods, with all that they still hold."""
    if not period_ids:  # nearly always; even a query that cannot find anything takes a millisecond to put together
        return
    for period in GrantPeriod.objects.filter(id__in=period_ids).annotate(left=Sum("entries__amount")).order_by("id"):
        GrantPeriod.objects.filter(id=period.id).update(settled_at=now)
        if period.left:
            turn = period.entries.filter(cause__startswith=WITHDRAWN).count()
            _enter(period, EntryKind.VOIDED, -period.left, f"{WITHDRAWN}{period.id}:{turn}", actor, now)


def restore(period_id: int, *, ends_at: datetime | None, actor: Actor, now: datetime) -> None:
    """Open a period again that was withdrawn; one that was closed otherwise stays closed."""
    period = GrantPeriod.objects.get(id=period_id)
    latest = period.entries.order_by("-id").first()
    if latest is None or not latest.cause.startswith(WITHDRAWN):
        return
    GrantPeriod.objects.filter(id=period_id).update(settled_at=None, ends_at=ends_at)
    _enter(period, EntryKind.RETURNED, -latest.amount, f"restored:{latest.cause}", actor, now)


def _enter(period: GrantPeriod, kind: str, amount: Decimal, cause: str, actor: Actor, now: datetime) -> None:
    CreditEntry.objects.create(
        period=period, kind=kind, amount=amount, cause=cause, actor_kind=actor.kind, actor_id=actor.id, created_at=now
    )
