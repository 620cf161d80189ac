"""Serve the log of events: list and retrieve; POST /events/ingest stands in ingest.py."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.deployment import business_id
from api.v1.errors import Refused
from api.v1.lookup import find
from api.v1.pagination import PageQuery, Slice, page, too_deep
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from customers import find as customers
from events import log
from events.log import Cursor, Filters, LoggedEvent
from meters import filter_sql, filters
from meters.filter_sql import Parameters
from meters.models import Meter

LOOKED_AT = 100_000
"""So many events are looked at for one page of what fits a meter's filter: a quarter of a second."""
MOST_SKIPPED_FITTING = 10_000


class EventAnswer(msgspec.Struct, kw_only=True):
    """An event as it was accepted. received_at and voided are ours."""

    business_id: str
    event_id: str
    customer_id: str
    event_name: str
    timestamp: datetime
    metadata: shapes.Metadata
    received_at: datetime
    voided: bool


class EventQuery(PageQuery, kw_only=True):
    """The filters of GET /events: half-open [start, end) by timestamp. meter_id: what the meter's event name and filter let through."""

    customer_id: str | None = None
    event_name: str | None = None
    meter_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class LogListing:
    """The log, newest first, then in order of arrival; as it was when the list's first page was read.

    looked_to: the page that was read last is short, because the look for what fits a meter's filter ended there; the next one goes on.
    """

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self.looked_to: Cursor | None = None

    def read(self, part: Slice) -> Sequence[LoggedEvent]:
        cursor, moment = Cursor.parse(part.end) if part.end else None, part.upper or None
        offset = 0 if cursor else part.offset
        if self.filters.where is None:
            return log.page(filters=self.filters, size=part.limit, cursor=cursor, offset=offset, moment=moment)
        return self._fitting(part.limit, cursor, offset, moment)

    def _fitting(self, size: int, cursor: Cursor | None, offset: int, moment: str | None) -> Sequence[LoggedEvent]:
        """Look at a bounded number of events. An empty page would end a client's list, so where there may be more it is refused."""
        if offset > MOST_SKIPPED_FITTING:
            raise too_deep(MOST_SKIPPED_FITTING)
        part = log.fitting(filters=self.filters, size=size + offset, most=LOOKED_AT, cursor=cursor, moment=moment)
        self.looked_to = part.looked_to
        if part.looked_to and len(part.events) <= offset:
            # Others of that very microsecond may not have been looked at.
            end = part.looked_to.timestamp + timedelta(microseconds=1)
            raise Refused(
                "RANGE_TOO_LARGE",
                f"Of {LOOKED_AT} events of the meter's name, back to {end.isoformat()}, its filter lets none through "
                "that would stand on this page. Give that instant as `end` to look further, or a customer.",
                field="end",
            )
        return part.events[offset:]

    def end_of(self, row: LoggedEvent) -> str:
        return str(self.looked_to or row.cursor)

    def upper(self) -> str:
        return log.now()


class Events(Resource):
    """/events"""

    @describes("List events, newest first", query=EventQuery, answer=EventAnswer, listed=True, errors=[400, 404])
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, EventQuery)
        listing, business = LogListing(_filters(query)), business_id()
        return answer(page(request, query, listing, lambda rows: [shown(row, business) for row in rows], now=self.now))


class EventById(Resource):
    """/events/{event_id}"""

    @describes("Retrieve an event", answer=EventAnswer, errors=[404])
    def get(self, request: Request, event_id: str) -> HttpResponse:
        found = log.find(event_id)
        if found is None:
            raise Refused("EVENT_NOT_FOUND", f"There is no event {event_id[:255]}.")
        return answer(shown(found, business_id()))


def shown(event: LoggedEvent, business: str) -> EventAnswer:
    """Show an event in the contract's shape."""
    return EventAnswer(
        business_id=business,
        event_id=event.event_id,
        customer_id=event.customer,
        event_name=event.event_name,
        timestamp=event.timestamp,
        metadata=event.metadata,
        received_at=event.received_at,
        voided=event.is_void,
    )


def _filters(query: EventQuery) -> Filters:
    """Read what is asked for. Raises Refused, CustomerNotFound."""
    narrowed = partial(
        Filters,
        customer_id=customers.find(query.customer_id).id if query.customer_id else None,
        start=shapes.utc(query.start) if query.start else None,
        end=shapes.utc(query.end) if query.end else None,
    )
    if query.meter_id is None:
        return narrowed(event_name=query.event_name)
    meter = find(Meter, query.meter_id)
    if query.event_name not in (None, meter.event_name):
        raise Refused(
            "EVENT_NAME_CONTRADICTS_METER",
            f"The meter {meter.public_id} counts events named {meter.event_name}, never those named {query.event_name}.",
            field="event_name",
        )
    parameters = Parameters()
    where = filter_sql.where(filters.parse(meter.filter), parameters)
    return narrowed(event_name=meter.event_name, where=where, parameters=parameters.bound)
