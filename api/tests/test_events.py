"""The log of events through HTTP, and what meters make of it."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dodopayments import DodoPayments

from api.v1 import events

# Lists show what was committed when their first page was read, so tests of lists commit.
NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)


def event(event_id: str, customer_id: str, *, minutes: int = 0, name: str = "call", **metadata: Any) -> dict[str, Any]:
    timestamp = (NOON + timedelta(minutes=minutes)).isoformat()
    return {"event_id": event_id, "customer_id": customer_id, "event_name": name, "timestamp": timestamp, "metadata": metadata}


@pytest.fixture
def sent(call: Callable[..., Any]) -> dict[str, str]:
    """Two customers with five events; returns their ids by name."""
    ids = {
        name: call("POST", "/customers", {"email": f"{name}@x.com", "name": name}).body["customer_id"] for name in ("ada", "bob")
    }
    made = [
        event("1", ids["ada"], minutes=0, tokens=10, model="large"),
        event("2", ids["ada"], minutes=1, tokens=20, model="small"),
        event("3", ids["bob"], minutes=1, tokens=0.1, model="large"),
        event("4", ids["bob"], minutes=120, name="other"),
        event("a/b?c%2F é..", ids["bob"], minutes=60, tokens="5", model="=cmd"),
    ]
    assert call("POST", "/events/ingest", {"events": made}).body["ingested_count"] == 5
    return ids


def found(reply: Any) -> list[str]:
    return [item["event_id"] for item in reply.body["items"]]


@pytest.mark.django_db(transaction=True)
def test_the_client_lists_every_event_once_while_others_arrive(dodo: DodoPayments) -> None:
    customer = dodo.customers.create(email="a@x.com", name="A").customer_id
    dodo.usage_events.ingest(events=[event(f"e{n}", customer, minutes=n // 4, n=n) for n in range(130)])  # type: ignore[misc]

    seen = []
    for place, listed in enumerate(dodo.usage_events.list(page_size=20)):
        seen.append(listed.event_id)
        if place % 10 == 0:
            late = [event(f"late{place}", customer, minutes=-5), event(f"new{place}", customer, minutes=500)]
            dodo.usage_events.ingest(events=late)  # type: ignore[arg-type]

    assert len(seen) == len(set(seen))
    assert {one for one in seen if one.startswith("e")} == {f"e{n}" for n in range(130)}
    minutes = [int(one[1:]) // 4 for one in seen if one.startswith("e")]
    assert minutes == sorted(minutes, reverse=True)


@pytest.mark.django_db(transaction=True)
def test_the_client_retrieves_events_whatever_their_id(dodo: DodoPayments) -> None:
    customer = dodo.customers.create(email="a@x.com", name="A").customer_id
    ids = ["a/b", "a/explain", "%2F", "é ü", "100%", "a?b#c", "usage", "ingest2", "日本"]
    dodo.usage_events.ingest(events=[event(one, customer, tokens=1) for one in ids])  # type: ignore[misc]

    for one in ids:
        read = dodo.usage_events.retrieve(one)
        assert (read.event_id, read.customer_id, read.event_name, read.metadata) == (one, customer, "call", {"tokens": 1})


@pytest.mark.django_db(transaction=True)
def test_orders_by_time_then_arrival(call: Callable[..., Any], sent: dict[str, str]) -> None:
    assert found(call("GET", "/events")) == ["4", "a/b?c%2F é..", "2", "3", "1"]


@pytest.mark.django_db(transaction=True)
def test_filters(call: Callable[..., Any], sent: dict[str, str]) -> None:
    one_minute = (NOON + timedelta(minutes=1)).isoformat().replace("+", "%2B")
    filtered = {
        f"customer_id={sent['ada']}": ["2", "1"],
        "event_name=other": ["4"],
        "event_name=Other": [],
        f"start={one_minute}&event_name=call": ["a/b?c%2F é..", "2", "3"],
        f"end={one_minute}": ["1"],
        f"customer_id={sent['bob']}&event_name=call&end=2999-01-01T00:00:00Z": ["a/b?c%2F é..", "3"],
    }

    assert {query: found(call("GET", f"/events?{query}")) for query in filtered} == filtered


@pytest.mark.django_db(transaction=True)
def test_filters_by_what_a_meter_counts(call: Callable[..., Any], sent: dict[str, str]) -> None:
    only_large = {"conjunction": "and", "clauses": [{"key": "model", "operator": "equals", "value": "large"}]}
    content = {"name": "M", "event_name": "call", "measurement_unit": "u", "aggregation": {"type": "count"}, "filter": only_large}
    meter = call("POST", "/meters", content).body["id"]

    assert found(call("GET", f"/events?meter_id={meter}")) == ["3", "1"]
    assert found(call("GET", f"/events?meter_id={meter}&event_name=call&customer_id={sent['ada']}")) == ["1"]
    contradiction = call("GET", f"/events?meter_id={meter}&event_name=other")
    assert (contradiction.status, contradiction.body["code"]) == (400, "EVENT_NAME_CONTRADICTS_METER")
    assert call("GET", "/events?meter_id=mtr_x").body["code"] == "METER_NOT_FOUND"
    assert call("GET", "/events?customer_id=cus_x").body["code"] == "CUSTOMER_NOT_FOUND"


@pytest.mark.django_db(transaction=True)
def test_a_page_of_a_filter_that_hardly_any_event_passes_is_bounded(
    dodo: DodoPayments, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOKED_AT", 4)
    customer = dodo.customers.create(email="a@x.com", name="A").customer_id
    sent = [event(f"e{n}", customer, minutes=-n, rare=n in (2, 5, 7)) for n in range(14)]
    dodo.usage_events.ingest(events=sent)  # type: ignore[arg-type]
    only_rare = {"conjunction": "and", "clauses": [{"key": "rare", "operator": "equals", "value": True}]}
    content = {"name": "M", "event_name": "call", "measurement_unit": "u", "aggregation": {"type": "count"}, "filter": only_rare}
    meter = call("POST", "/meters", content).body["id"]

    pages = [call("GET", f"/events?meter_id={meter}&page_number={number}") for number in range(3)]
    at = (NOON - timedelta(minutes=11) + timedelta(microseconds=1)).isoformat()
    further = call("GET", f"/events?meter_id={meter}&end={at.replace('+', '%2B')}")

    assert [found(one) for one in pages[:2]] == [["e2"], ["e5", "e7"]]
    assert (pages[2].status, pages[2].body["code"], at in pages[2].body["message"]) == (400, "RANGE_TOO_LARGE", True)
    assert (further.status, found(further)) == (200, [])


def test_shows_numbers_digit_for_digit(call: Callable[..., Any], sent: dict[str, str]) -> None:
    raw = b'{"events": [{"event_id": "n", "customer_id": "%s", "event_name": "call", "metadata": {"a": 0.10, "b": 12345678901234567890.123456789012345678}}]}'  # noqa: E501
    call("POST", "/events/ingest", raw=raw % sent["ada"].encode())

    read = call("GET", "/events/n")

    assert read.body["metadata"] == {"a": 0.1, "b": 12345678901234567890.123456789012345678}
    assert b"12345678901234567890.123456789012345678" in read.raw


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("start=now", 422),
        ("page_size=0", 422),
        ("page_size=101", 422),
        ("page_number=-1", 422),
        ("page_number=1000000000", 400),
        ("sort=up", 400),
    ],
)
def test_refuses_bad_queries(call: Callable[..., Any], query: str, status: int) -> None:
    assert call("GET", f"/events?{query}").status == status


def test_an_unknown_event_is_not_found(call: Callable[..., Any], sent: dict[str, str]) -> None:
    for address in ("/events/nope", "/events/a", "/events/" + "x" * 300):
        assert call("GET", address).body["code"] == "EVENT_NOT_FOUND"
    assert call("GET", "/events/a/b").body["code"] == "NOT_FOUND"


def test_usage_is_exact_at_once(call: Callable[..., Any], sent: dict[str, str]) -> None:
    content = {"name": "M", "event_name": "call", "measurement_unit": "tokens", "aggregation": {"type": "sum", "key": "tokens"}}
    meter = call("POST", "/meters", content).body["id"]
    start, end = NOON.isoformat().replace("+", "%2B"), (NOON + timedelta(hours=3)).isoformat().replace("+", "%2B")

    def usage(extra: str = "") -> list[tuple[Any, ...]]:
        items = call("GET", f"/meters/{meter}/usage?start={start}&end={end}{extra}").body["items"]
        return [(item["customer_id"], item["group"], item["quantity"], item["event_count"]) for item in items]

    assert usage() == [(None, None, "30.1", 3)]
    assert usage("&window=hour") == [(None, None, "30.1", 3), (None, None, "0", 0), (None, None, "0", 0)]
    assert usage(f"&customer_id={sent['bob']}") == [(sent["bob"], None, "0.1", 1)]
    assert usage("&group_by=customer_id") == [(sent["ada"], None, "30", 2), (sent["bob"], None, "0.1", 1)]
    assert usage("&group_by=metadata.model") == [(None, "small", "20", 1), (None, "large", "10.1", 2)]
    assert usage("&group_by=metadata.model&top=1") == [(None, "small", "20", 1)]


def test_usage_as_csv(call: Callable[..., Any], sent: dict[str, str]) -> None:
    content = {"name": "M", "event_name": "call", "measurement_unit": "calls", "aggregation": {"type": "count"}}
    meter = call("POST", "/meters", content).body["id"]
    start, end = NOON.isoformat().replace("+", "%2B"), (NOON + timedelta(hours=3)).isoformat().replace("+", "%2B")

    call("POST", "/events/ingest", {"events": [event("flag", sent["ada"], model=True)]})

    reply = call("GET", f"/meters/{meter}/usage?start={start}&end={end}&group_by=metadata.model", HTTP_ACCEPT="text/csv")

    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(reply.raw.decode(), newline="")))
    assert [(row["group"], row["quantity"], row["event_count"]) for row in rows] == [
        ("large", "2", "2"),
        ("'=cmd", "1", "1"),
        ("small", "1", "1"),
        ("true", "1", "1"),
    ]


def test_a_sum_below_zero_is_a_number_in_csv_too(call: Callable[..., Any], sent: dict[str, str]) -> None:
    content = {"name": "M", "event_name": "call", "measurement_unit": "x", "aggregation": {"type": "sum", "key": "tokens"}}
    meter = call("POST", "/meters", content).body["id"]
    call("POST", "/events/ingest", {"events": [event("refund", sent["ada"], tokens=-50)]})
    start, end = NOON.isoformat().replace("+", "%2B"), (NOON + timedelta(hours=3)).isoformat().replace("+", "%2B")

    reply = call("GET", f"/meters/{meter}/usage?start={start}&end={end}", HTTP_ACCEPT="text/csv")

    assert reply.raw.decode().split("\r\n")[1].split(",")[4:] == ["-19.9", "4"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 422, "start"),
        ("start=2026-01-01T00:00:00Z", 422, "end"),
        ("start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&customer_id=", 422, "customer_id"),
        ("start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", 422, "end"),
        ("start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&window=year", 422, "window"),
        ("start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&time_zone=Mars/X", 422, "time_zone"),
        ("start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&time_zone=../../etc/passwd", 422, "time_zone"),
        ("start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&group_by=model", 422, "group_by"),
        ("start=2000-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&window=hour", 400, None),
    ],
)
def test_refuses_bad_questions(call: Callable[..., Any], query: str, status: int, field: str | None) -> None:
    content = {"name": "M", "event_name": "call", "measurement_unit": "calls", "aggregation": {"type": "count"}}
    meter = call("POST", "/meters", content).body["id"]

    reply = call("GET", f"/meters/{meter}/usage?{query}")

    assert (reply.status, reply.body.get("field")) == (status, field)
