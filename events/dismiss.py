"""Put refused events and conflicts aside that nobody will mend, with who did it; nothing is deleted."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from access.actors import Actor
from core.errors import DomainError
from events.models import ConflictStatus, EventConflict, RefusedRequest, RejectedEvent, RejectedStatus

STEP = 10_000  # events at a time


class ConflictResolved(DomainError):
    """Somebody dismissed or corrected the conflict before."""

    code = "CONFLICT_RESOLVED"

    def __init__(self) -> None:
        super().__init__("This conflict was dismissed or corrected before.", field="status")


@transaction.atomic
def dismiss_events(*, rows: QuerySet[RejectedEvent], actor: Actor, now: datetime) -> int:
    """Dismiss the open ones of some refused events; return how many those were. However many they are, few are held in memory."""
    still_open = RejectedEvent.objects.filter(pk__in=rows.order_by().values("pk"), status=RejectedStatus.OPEN).order_by("pk")
    resolved = {"status": RejectedStatus.DISMISSED, "resolved_at": now, "resolved_by": str(actor)}
    number = 0
    while chosen := dict(still_open.values_list("pk", "request_id")[:STEP]):
        number += RejectedEvent.objects.filter(pk__in=chosen, status=RejectedStatus.OPEN).update(**resolved)
        settle(request_ids=set(chosen.values()), status=RejectedStatus.DISMISSED, actor=actor, now=now)
    return number


def settle(*, request_ids: Collection[int], status: RejectedStatus, actor: Actor, now: datetime) -> None:
    """Close those of some requests that hold nothing open any more: no good rest, and each refused event replayed or dismissed."""
    still_open = RejectedEvent.objects.filter(request=OuterRef("pk"), status=RejectedStatus.OPEN)
    RefusedRequest.objects.filter(
        ~Exists(still_open), pk__in=request_ids, status=RejectedStatus.OPEN, good_count=0, event_count__isnull=False
    ).update(status=status, resolved_at=now, resolved_by=str(actor))


@transaction.atomic
def dismiss_request(*, request: RefusedRequest, actor: Actor, now: datetime) -> int:
    """Dismiss whatever of a refused request is open; return how many events those were besides the request itself."""
    resolved = {"status": RejectedStatus.DISMISSED, "resolved_at": now, "resolved_by": str(actor)}
    # The events before their request, as everywhere: a replay at the same moment waits, and is not waited for.
    number = request.rejected.filter(status=RejectedStatus.OPEN).update(**resolved)
    RefusedRequest.objects.filter(pk=request.pk, status=RejectedStatus.OPEN).update(**resolved)
    return number


@transaction.atomic
def dismiss_conflict(*, conflict: EventConflict, reason: str, actor: Actor, now: datetime) -> None:
    """Let the stored content stand for good. Raises ConflictResolved."""
    is_open = EventConflict.objects.filter(pk=conflict.pk, status=ConflictStatus.OPEN)
    if not is_open.update(status=ConflictStatus.DISMISSED, resolution=reason, resolved_at=now, resolved_by=str(actor)):
        raise ConflictResolved
