"""GET /event-delivery: what each key delivered by the hour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from access.models import ApiKey
from events import refusals
from events.models import DeliveryHour, DeliveryRefusal

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)


def hours(key: ApiKey, *starts: datetime, **counts: int) -> None:
    for start in starts:
        DeliveryHour.objects.create(api_key=key, hour=start, latest_success_at=start + timedelta(seconds=1), **counts)


def test_hours_that_begin_in_the_range_are_answered_ascending(call: Callable[..., Any], secrets: dict[str, str]) -> None:
    ingest, write = ApiKey.objects.get(name="ingest"), ApiKey.objects.get(name="write")
    hours(
        ingest, HOUR + timedelta(hours=1), HOUR, HOUR + timedelta(hours=2), accepted_count=8, duplicate_count=1, conflict_count=1
    )
    for code, number in {"NULL_VALUE": 4, refusals.REFUSED_WITH_OTHERS: 6}.items():
        DeliveryRefusal.objects.create(api_key=write, hour=HOUR, code=code, refused_count=number)

    reply = call("GET", "/event-delivery?start=2026-11-01T09:30:00Z&end=2026-11-01T12:00:00Z", scope="read")

    assert reply.status == 200
    none = {"accepted_count": 0, "duplicate_count": 0, "conflict_count": 0}
    sent = {
        "accepted_count": 8,
        "duplicate_count": 1,
        "conflict_count": 1,
        "refused_count": 0,
        "refused": {},
        "success_rate": "0.9",
    }
    refused = {"refused_count": 10, "refused": {"NULL_VALUE": 4, "REFUSED_WITH_OTHERS": 6}, "success_rate": "0"}
    of_ingest = {"api_key_id": ingest.public_id, "api_key_name": "ingest"} | sent
    of_write = {"api_key_id": write.public_id, "api_key_name": "write"} | none | refused
    assert reply.body == {
        "start": "2026-11-01T09:30:00Z",
        "end": "2026-11-01T12:00:00Z",
        "items": [
            {**of_ingest, "hour": "2026-11-01T10:00:00Z", "latest_success_at": "2026-11-01T10:00:01Z"},
            {**of_write, "hour": "2026-11-01T10:00:00Z", "latest_success_at": None},
            {**of_ingest, "hour": "2026-11-01T11:00:00Z", "latest_success_at": "2026-11-01T11:00:01Z"},
        ],
    }


def test_one_key_may_be_asked_for(call: Callable[..., Any], secrets: dict[str, str]) -> None:
    ingest, write = ApiKey.objects.get(name="ingest"), ApiKey.objects.get(name="write")
    hours(ingest, HOUR, accepted_count=1)
    hours(write, HOUR, accepted_count=2)
    span = "start=2026-11-01T00:00:00Z&end=2026-11-02T00:00:00Z"

    items = call("GET", f"/event-delivery?{span}&api_key_id={write.public_id}").body["items"]

    assert [item["accepted_count"] for item in items] == [2]
    unknown = call("GET", f"/event-delivery?{span}&api_key_id=key_nobody")
    assert (unknown.status, unknown.body["code"]) == (404, "API_KEY_NOT_FOUND")


def test_a_range_is_needed_and_must_not_be_empty(call: Callable[..., Any]) -> None:
    assert (call("GET", "/event-delivery").status, call("GET", "/event-delivery").body["code"]) == (422, "MISSING_FIELD")
    backward = call("GET", "/event-delivery?start=2026-11-02T00:00:00Z&end=2026-11-02T00:00:00Z")
    assert (backward.status, backward.body["field"]) == (422, "end")
