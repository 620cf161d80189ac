"""Serve why a meter shows nothing, or less than expected: the likely causes in order, with counts."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from core.periods import Period
from customers import find as customers
from invoices import trace
from meters import filters, usage, zero
from meters.models import Meter
from meters.zero import Cause

NOT_SUBSCRIBED = "No subscription of this customer carries the meter in this time: usage is shown, and billed to nobody."


class ZeroQuery(msgspec.Struct, kw_only=True):
    """Whose figure, and over which time; half-open, all time where an end is left out."""

    customer_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class CauseAnswer(msgspec.Struct, kw_only=True):
    """One likely cause. count: how many events it explains; sample_event_ids: the newest of them, at most three.

    path, clause: which part of the filter; event_name: which other name; code: why they were refused.
    """

    kind: zero.Kind | Literal["not_subscribed"]
    count: int
    message: str
    latest_at: datetime | None = None
    sample_event_ids: list[str] = []
    path: str | None = None
    clause: Any = None
    event_name: str | None = None
    code: str | None = None


class ZeroAnswer(msgspec.Struct, kw_only=True):
    """What the meter shows, and why not more. read_count: the newest events that were looked at; is_complete: there are no others."""

    meter_id: str
    customer_id: str | None
    start: datetime | None
    end: datetime | None
    quantity: str | None
    event_count: int
    causes: list[CauseAnswer]
    read_count: int
    is_complete: bool


class MeterExplain(Resource):
    """/meters/{id}/explain"""

    @describes("Explain why a meter shows nothing", query=ZeroQuery, answer=ZeroAnswer, errors=[400, 404])
    def get(self, request: Request, id: str) -> HttpResponse:
        meter = find(Meter, id)
        query = body.decode_query(request.GET, ZeroQuery)
        body.refuse_empty(request.GET, "customer_id")
        customer = customers.find(query.customer_id) if query.customer_id else None
        period = _period(query)
        found = zero.explain(meter=meter, customer=customer, period=period)
        causes = [_cause(one) for one in found.causes]
        if customer is not None and not trace.is_subscribed(meter=meter, customer=customer, period=period):
            causes.append(CauseAnswer(kind="not_subscribed", count=found.quantity.event_count, message=NOT_SUBSCRIBED))
        return answer(
            ZeroAnswer(
                meter_id=meter.public_id,
                customer_id=customer.public_id if customer else None,
                start=query.start and period.start,
                end=query.end and period.end,
                quantity=None if found.quantity.quantity is None else plain(found.quantity.quantity),
                event_count=found.quantity.event_count,
                causes=causes,
                read_count=found.read_count,
                is_complete=found.is_complete,
            )
        )


def _period(query: ZeroQuery) -> Period:
    """Read the period. Raises Refused."""
    start = shapes.utc(query.start) if query.start else usage.EARLIEST
    end = shapes.utc(query.end) if query.end else usage.LATEST
    if not start < end:
        raise body.invalid("end", "must be later than start")
    return Period(start, end)


def _cause(one: Cause) -> CauseAnswer:
    return CauseAnswer(
        kind=one.kind,
        count=one.count,
        message=zero.CAUSES[one.kind],
        latest_at=one.latest_at,
        sample_event_ids=list(one.samples),
        path=one.path,
        clause=filters.clause_json(one.clause) if one.clause else None,
        event_name=one.event_name,
        code=one.code,
    )
