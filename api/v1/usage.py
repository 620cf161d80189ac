"""Serve GET /meters/{id}/usage: a meter's usage over time, by customer or by a metadata key, as JSON or CSV."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.body import invalid
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from core.periods import Period
from core.sheets import csv_lines
from customers import find as customers
from customers.models import Customer
from meters import series
from meters.models import Meter
from meters.series import Question, UsageRow

GROUP_KEY = "metadata."
COLUMNS = ("start", "end", "customer_id", "group", "quantity", "event_count")


class UsageQuery(msgspec.Struct, kw_only=True):
    """What is asked: [start, end), cut into windows of time_zone (default: the billing zone).

    group_by: customer_id or metadata.KEY.  top: only the greatest so many groups.
    """

    start: datetime
    end: datetime
    window: Literal["none", "hour", "day", "week", "month"] = "none"
    time_zone: str | None = None
    customer_id: str | None = None
    group_by: str | None = None
    top: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None


class UsageItem(msgspec.Struct, kw_only=True):
    """One window's usage; quantity is null for max and last of nothing. group: the metadata value, null where the key is missing."""

    start: datetime
    end: datetime
    customer_id: str | None
    group: Any
    quantity: str | None
    event_count: int


class UsageAnswer(msgspec.Struct, kw_only=True):
    """A meter's usage."""

    meter_id: str
    aggregation: str
    measurement_unit: str
    start: datetime
    end: datetime
    window: str
    items: list[UsageItem]


class MeterUsage(Resource):
    """/meters/{id}/usage"""

    @describes("Ask for a meter's usage", query=UsageQuery, answer=UsageAnswer, errors=[400, 404])
    def get(self, request: Request, id: str) -> HttpResponse:
        meter = find(Meter, id)
        query = body.decode_query(request.GET, UsageQuery)
        body.refuse_empty(request.GET, "customer_id")
        question = _question(meter, query)
        items = _items(series.series(question), query)
        if request.headers.get("Accept", "").startswith("text/csv"):
            return _csv(meter, items)
        return answer(
            UsageAnswer(
                meter_id=meter.public_id,
                aggregation=meter.aggregation,
                measurement_unit=meter.measurement_unit,
                start=question.period.start,
                end=question.period.end,
                window=question.window,
                items=items,
            )
        )


def _question(meter: Meter, query: UsageQuery) -> Question:
    """Read a question. Raises Refused, CustomerNotFound."""
    start, end = shapes.utc(query.start), shapes.utc(query.end)
    if start >= end:
        raise invalid("end", "must lie after `start`")
    group_by = query.group_by or ""
    if group_by not in ("", "customer_id") and not (group_by.startswith(GROUP_KEY) and len(group_by) > len(GROUP_KEY)):
        raise invalid("group_by", "must be customer_id or metadata.KEY")
    return Question(
        meter_id=meter.id,
        period=Period(start, end),
        window=query.window,
        zone=_zone(query.time_zone),
        customer_id=customers.find(query.customer_id).id if query.customer_id else None,
        by_customer=group_by == "customer_id",
        by_key=group_by.removeprefix(GROUP_KEY) if group_by.startswith(GROUP_KEY) else None,
        top=query.top,
    )


def _zone(name: str | None) -> str:
    if name is None:
        return str(settings.BILLING_TIME_ZONE)
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise invalid("time_zone", "must be an IANA time zone, such as Europe/Berlin") from error


def _items(rows: Sequence[UsageRow], query: UsageQuery) -> list[UsageItem]:
    named = Customer.objects.in_bulk({row.customer_id for row in rows if row.customer_id is not None})
    asked = customers.find(query.customer_id).public_id if query.customer_id else None
    return [
        UsageItem(
            start=row.start,
            end=row.end,
            customer_id=asked if row.customer_id is None else named[row.customer_id].public_id,
            group=row.group,
            quantity=None if row.quantity is None else plain(row.quantity),
            event_count=row.event_count,
        )
        for row in rows
    ]


def _as_json(group: Any) -> Any:
    """Write a boolean as metadata has it; all else stays."""
    return ("true" if group else "false") if isinstance(group, bool) else group


def _csv(meter: Meter, items: Iterable[UsageItem]) -> HttpResponse:
    rows = (
        (
            item.start,
            item.end,
            item.customer_id,
            _as_json(item.group),
            None if item.quantity is None else Decimal(item.quantity),
            item.event_count,
        )
        for item in items
    )
    written = "".join(csv_lines(header=COLUMNS, rows=rows))
    headers = {"Content-Disposition": f'attachment; filename="usage-{meter.public_id}.csv"'}
    return HttpResponse(written, content_type="text/csv; charset=utf-8", headers=headers)
