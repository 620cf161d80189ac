"""Put refused events and conflicts aside that nobody will mend, with who did it; nothing is deleted.

# Note [One order]
Whoever closes refused events first locks their requests, in order of id, and nothing else of them: so a replay and a dismissal of the
same events wait for each other, never both at once, and none closes what the other just did.
"""

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
    still_open = RejectedEvent.objects.filter(pk__in=rows.order_by().values("pk"), status=RejectedStatus.OPEN)
    resolved = {"status": RejectedStatus.DISMISSED, "resolved_at": now, "resolved_by": str(actor)}
    number = 0
    while chosen := dict(still_open.order_by("request_id", "pk").values_list("pk", "request_id")[:STEP]):
        lock(set(chosen.values()))
        number += RejectedEvent.objects.filter(pk__in=chosen, status=RejectedStatus.OPEN).update(**resolved)
        settle(request_ids=set(chosen.values()), status=RejectedStatus.DISMISSED, actor=actor, now=now)
    return number


def lock(request_ids: Collection[int]) -> None:
    """Lock refused requests until the transaction ends (Note [One order])."""
    requests = RefusedRequest.objects.filter(pk__in=request_ids).order_by("pk")
    list(requests.select_for_update().values_list("pk"))


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
    lock([request.pk])
    number = request.rejected.filter(status=RejectedStatus.OPEN).update(**resolved)
    RefusedRequest.objects.filter(pk=request.pk, status=RejectedStatus.OPEN).update(**resolved)
    return number


@transaction.atomic
def dismiss_conflict(*, conflict: EventConflict, reason: str, actor: Actor, now: datetime) -> None:
    """Let the stored content stand for good. Raises ConflictResolved."""
    is_open = EventConflict.objects.filter(pk=conflict.pk, status=ConflictStatus.OPEN)
    if not is_open.update(status=ConflictStatus.DISMISSED, resolution=reason, resolved_at=now, resolved_by=str(actor)):
        raise ConflictResolved
