"""Serve the voiding of one event, its correction by another, and taking that back."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, ingest_http
from api.v1.errors import Refused
from api.v1.ingest import EventSent
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from events.models import Event, EventVoid
from events.replacement import ReplacementRefused
from events.validation import identity
from meters import void
from meters.void import EventAlreadyVoid, EventNotVoid

REASON = "Taken back over the API"

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class VoidCreate(msgspec.Struct, kw_only=True):
    """Why an event no longer counts. replacement: a whole event with a new event_id, stored with the void or not at all."""

    reason: Reason
    replacement: EventSent | None = None


class UnvoidQuery(msgspec.Struct, kw_only=True):
    """Why the event counts again."""

    reason: Reason = REASON


class ActAnswer(msgspec.Struct, kw_only=True):
    """One act on an event: a void, or what took it back. actor: kind and id of who did it."""

    event_id: str
    voided: bool
    reason: str
    replacement_event_id: str | None
    actor: str
    created_at: datetime


class EventVoids(Resource):
    """/events/{event_id}/void"""

    @describes("Void an event, or replace it by another", body=VoidCreate, answer=ActAnswer, errors=[400, 404])
    def post(self, request: Request, event_id: str) -> HttpResponse:
        event = _find(event_id)
        wanted = body.decode(request, VoidCreate)
        sent = _sent(wanted.replacement) if wanted.replacement else None
        try:
            act = self._void(event, wanted.reason, sent)
        except ReplacementRefused as error:
            reply = ingest_http.refused(error)
            return HttpResponse(reply.body, status=reply.status, content_type="application/json")
        return answer(act_shown(act))

    def _void(self, event: Event, reason: str, sent: dict[str, Any] | None) -> EventVoid:
        """Void; the same request again answers what the first one did."""
        try:
            return void.void(event=event, reason=reason, actor=self.actor, now=self.now, replacement=sent)
        except EventAlreadyVoid:
            act = void.repeated(event=event, reason=reason, now=self.now, replacement=sent)
            if act is None:
                raise
            return act

    @describes("Count a voided event again", query=UnvoidQuery, answer=ActAnswer, errors=[400, 404])
    def delete(self, request: Request, event_id: str) -> HttpResponse:
        event = _find(event_id)
        wanted = body.decode_query(request.GET, UnvoidQuery)
        try:
            act = void.unvoid(event=event, reason=wanted.reason, actor=self.actor, now=self.now)
        except EventNotVoid:
            latest = void.latest_act(event)
            if latest is None:
                raise
            act = latest
        return answer(act_shown(act))


def act_shown(act: EventVoid) -> ActAnswer:
    """Show an act on an event."""
    return ActAnswer(
        event_id=act.event.event_id,
        voided=act.is_void,
        reason=act.reason,
        replacement_event_id=act.replacement.event_id if act.replacement else None,
        actor=f"{act.actor_kind}:{act.actor_id}",
        created_at=act.created_at,
    )


def _find(event_id: str) -> Event:
    event = Event.objects.select_related("event_name").filter(key=identity(event_id), event_id=event_id).first()
    if event is None:
        raise Refused("EVENT_NOT_FOUND", f"There is no event {event_id[:255]}.")
    return event


def _sent(replacement: EventSent) -> dict[str, Any]:
    """Give the event as ingest would read it; a time that was not sent stays unsaid."""
    return {name: part for name, part in msgspec.structs.asdict(replacement).items() if part is not None}
