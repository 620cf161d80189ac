"""Serve what each key delivered by the hour."""

from datetime import datetime

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from access.models import ApiKey
from api.v1 import body, shapes
from api.v1.body import invalid
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from events import deliveries


class DeliveryQuery(msgspec.Struct, kw_only=True):
    """Which hours: those that begin in [start, end); of all keys, or of one."""

    start: datetime
    end: datetime
    api_key_id: str | None = None


class DeliveryItem(msgspec.Struct, kw_only=True):
    """What became of the events that one key sent in one UTC hour.

    refused: counts by code; good events that were refused with others count as REFUSED_WITH_OTHERS. success_rate: the share that was
    accepted or a duplicate, as a decimal cut to four places; null where nothing was sent.
    """

    api_key_id: str
    api_key_name: str
    hour: datetime
    accepted_count: int
    duplicate_count: int
    conflict_count: int
    refused_count: int
    refused: dict[str, int]
    success_rate: str | None
    latest_success_at: datetime | None


class DeliveryAnswer(msgspec.Struct, kw_only=True):
    """The hours with something in them, ascending by hour; not paged."""

    start: datetime
    end: datetime
    items: list[DeliveryItem]


class EventDelivery(Resource):
    """/event-delivery"""

    @describes("Ask what each key delivered by the hour", query=DeliveryQuery, answer=DeliveryAnswer, errors=[400, 404])
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, DeliveryQuery)
        start, end = shapes.utc(query.start), shapes.utc(query.end)
        if start >= end:
            raise invalid("end", "must lie after `start`")
        key_id = find(ApiKey, query.api_key_id).pk if query.api_key_id else None
        found = deliveries.by_hour(start=start, end=end, key_id=key_id)
        keys = ApiKey.objects.in_bulk({key_id for key_id, _hour in found})
        items = [_item(keys[key_id], hour, delivered) for (key_id, hour), delivered in found.items()]
        return answer(DeliveryAnswer(start=start, end=end, items=items))


def _item(key: ApiKey, hour: datetime, delivered: deliveries.Delivered) -> DeliveryItem:
    rate = delivered.success_rate
    return DeliveryItem(
        api_key_id=key.public_id,
        api_key_name=key.name,
        hour=hour,
        accepted_count=delivered.accepted,
        duplicate_count=delivered.duplicate,
        conflict_count=delivered.conflict,
        refused_count=delivered.refused_count,
        refused=dict(sorted(delivered.refused.items())),
        success_rate=None if rate is None else plain(rate),
        latest_success_at=delivered.latest_success_at,
    )
