"""Turn a conflict into a correction: the stored event is voided, what came later counts in its place (semantics.md [22])."""

from datetime import datetime

from django.db import transaction

from access.actors import Actor
from events.dismiss import ConflictResolved
from events.models import ConflictStatus, EventConflict, EventVoid
from meters import void


@transaction.atomic
def correct(*, conflict: EventConflict, event_id: str, reason: str, actor: Actor, now: datetime) -> EventVoid:
    """Void the stored event and store the later content under an id of its own, both or neither.

    Without a timestamp in the later content it happened when the stored event did. Raises ConflictResolved, EventAlreadyVoid,
    ReplacementRefused, ReplacementIdTaken.
    """
    row = EventConflict.objects.select_for_update(of=("self",)).select_related("event__event_name").get(pk=conflict.pk)
    if row.status != ConflictStatus.OPEN:
        raise ConflictResolved
    sent = {**row.content, "event_id": event_id}
    act = void.void(event=row.event, reason=reason, actor=actor, now=now, replacement=sent)
    EventConflict.objects.filter(pk=row.pk).update(
        status=ConflictStatus.CORRECTED, resolution=reason, resolved_at=now, resolved_by=str(actor), replacement=act.replacement
    )
    return act
