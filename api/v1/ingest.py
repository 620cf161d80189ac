"""Serve POST /events/ingest as a view, for plain WSGI deployments and for the schema; the same domain function as the coroutine."""

import logging
from typing import Annotated, Any, cast

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta, Struct
from rest_framework.request import Request

from access import keys
from access.models import ApiKey
from api.v1 import ingest_http, rate, shapes
from api.v1.events import EventById
from api.v1.ingest_http import Reply, Unpacker
from api.v1.schema import describes
from core import database
from core.errors import DomainError
from events import delivery
from events.ingest import OutcomeUnknown, ingest
from events.validation import MAX_EVENTS, Text

log = logging.getLogger(__name__)

PIECE_BYTES = 65_536


# A text: what is judged reads it as that, and cuts what is beyond microseconds, where a decoder would round.
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class EventSent(Struct, kw_only=True):
    """One usage event. event_id: the sender's idempotency key, for ever. Without a timestamp it happened when it was received."""

    event_id: Text
    customer_id: Text
    event_name: Text
    timestamp: Timestamp | None = None
    metadata: shapes.Metadata | None = None


class IngestRequest(Struct):
    """What POST /events/ingest takes."""

    events: Annotated[list[EventSent], Meta(min_length=1, max_length=MAX_EVENTS)]


class EventOutcome(Struct):
    """What became of one event, by its place in the request."""

    index: int | None
    event_id: str | None
    code: str
    message: str
    field: str | None = None


class IngestAnswer(Struct, omit_defaults=True):
    """All events are committed. conflicts: ids that were taken by other content, which stands. errors: with Prefer: handling=lenient."""

    ingested_count: int
    duplicate_count: int
    conflicts: list[EventOutcome]
    voided: list[EventOutcome] = []
    errors: list[EventOutcome] = []
    error_count: int = 0


class IngestView(EventById):
    """POST 1 to 1000 events; all are committed before the answer, or none. GET is for an event whose id is "ingest"."""

    scopes = {"POST": "ingest"}

    @extend_schema(exclude=True)
    def get(self, request: Request, event_id: str = "ingest") -> HttpResponse:
        return super().get(request, event_id)

    @describes("Ingest usage events", body=IngestRequest, answer=IngestAnswer, errors=(400, 413, 415, 429, 503))
    def post(self, request: Request) -> HttpResponse:
        key = cast(ApiKey, request.user)
        try:
            reply = self._ingest(request, key.id)
        except DomainError as error:
            rate.charge_refused(key.id, error)
            ingest_http.count_refused(key.id, error, at=self.now)
            reply = ingest_http.refused(error)
        except (OperationalError, InterfaceError):
            reply = ingest_http.refused(OutcomeUnknown())
        _write_figures()
        return HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers), content_type="application/json")

    def _ingest(self, request: Request, key_id: int) -> Reply:
        rate.check(key_id)
        lenient = ingest_http.wants_lenient(request.headers.get("Prefer", ""))
        body = _body(request)
        if keys.authenticate(str(request.auth), now=self.now) is None:  # revoked while the body arrived
            raise ingest_http.no_key()
        result = ingest(body=body, key_id=key_id, received_at=self.now, lenient=lenient)
        rate.charge(key_id, events=result.event_count)
        return ingest_http.accepted(result, lenient=lenient)


def _write_figures() -> None:
    """Write what each key delivered at once: a WSGI process has nobody who would do it every few seconds."""
    try:
        delivery.write(database.of_django())
    except (psycopg.Error, OperationalError, InterfaceError) as error:
        log.warning("delivery figures wait to be written: %s", error)


def _body(request: Request) -> bytes:
    """Read the body within its limits, from the socket itself where its length is not told: Django takes such a body for an empty one."""
    unpacker = Unpacker(request.headers.get("Content-Encoding", "").strip().lower(), limit=settings.MAX_BODY_BYTES)
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream: Any = request.META["wsgi.input"] if chunked else request._request
    while piece := stream.read(PIECE_BYTES):
        unpacker.feed(piece)
    return unpacker.body()
