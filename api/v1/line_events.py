"""Serve GET /invoices/{id}/lines/{line_id}/events: the very events behind a line, as JSON pages or, streamed, as CSV."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.lookup import find
from api.v1.pagination import PageQuery, Slice, page, too_deep
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from invoices import line_events
from invoices.models import Invoice, InvoiceLine
from meters import behind
from meters.behind import Asked, Behind

MOST_SKIPPED = 10_000
"""Each event that a cold jump passes over is read whole: a fifth of a second."""


class LineEventAnswer(msgspec.Struct, kw_only=True):
    """One event behind a line. quantity: what it adds, 1 for count.

    Of an adjustment line: an event that changed the charge; change is arrived, voided (quantity is below zero then) or restored.
    """

    event_id: str
    timestamp: datetime
    received_at: datetime
    metadata: shapes.Metadata
    quantity: str
    change: str | None
    changed_at: datetime | None


class Events:
    """The events behind a line, newest first; they are those of its snapshot, so that they never change."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    def read(self, part: Slice) -> Sequence[Behind]:
        after = line_events.place(part.end) if part.end else None
        skipped = 0 if part.end else part.offset
        if skipped > MOST_SKIPPED:
            raise too_deep(MOST_SKIPPED)
        found = behind.events(self.asked, after=after, limit=skipped + part.limit)
        return list(islice(found, skipped, None))

    def end_of(self, row: Behind) -> str:
        return line_events.cursor(row)

    def upper(self) -> str:
        return ""


class InvoiceLineEvents(Resource):
    """/invoices/{id}/lines/{line_id}/events"""

    @describes(
        "List the events behind a line of an issued invoice",
        query=PageQuery,
        answer=LineEventAnswer,
        listed=True,
        errors=[400, 404],
    )
    def get(self, request: Request, id: str, line_id: str) -> HttpResponse | StreamingHttpResponse:
        line = find(InvoiceLine.objects.filter(invoice=find(Invoice, id)).select_related("invoice", "snapshot"), line_id)
        if request.headers.get("Accept", "").startswith("text/csv"):
            headers = {"Content-Disposition": f'attachment; filename="events-{line.public_id}.csv"'}
            return StreamingHttpResponse(line_events.csv(line), content_type="text/csv; charset=utf-8", headers=headers)
        query = body.decode_query(request.GET, PageQuery)
        changed = line_events.is_difference(line)
        listing = Events(line_events.asked(line))
        return answer(page(request, query, listing, lambda rows: [_shown(row, changed=changed) for row in rows], now=self.now))


def _shown(event: Behind, *, changed: bool) -> LineEventAnswer:
    return LineEventAnswer(
        event_id=event.event_id,
        timestamp=event.place.timestamp,
        received_at=event.received_at,
        metadata=event.metadata,
        quantity=plain(event.number),
        change=event.change if changed else None,
        changed_at=event.changed_at if changed else None,
    )
