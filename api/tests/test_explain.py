"""What became of an event, and acts on it, over the API."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from api.tests.conftest import Reply
from events.models import EventVoid
from meters.models import Meter
from products.tests import making
from tests import factories

Call = Callable[..., Reply]
FILTER = {"conjunction": "and", "clauses": [{"key": "ratio", "operator": "greater_than", "value": Decimal("0.5")}]}


def send(call: Call, event_id: str, **fields: Any) -> None:
    sent = {"event_id": event_id, "customer_id": "ada", "event_name": "call", **fields}
    assert call("POST", "/events/ingest", {"events": [sent]}).status == 200


@pytest.fixture
def meter(db: None) -> Meter:
    making.customer(external_id="ada")
    return factories.meter("sum", "size", event_name="call", name="Sizes", filter=FILTER)


def usage(call: Call, meter: Meter) -> str:
    now = timezone.now()
    bounds = [quote((now + timedelta(days=days)).isoformat()) for days in (-60, 1)]
    reply = call("GET", f"/meters/{meter.public_id}/usage?start={bounds[0]}&end={bounds[1]}")
    return str(reply.body["items"][0]["quantity"])


def test_each_meter_says_clause_by_clause_what_it_makes_of_an_event(call: Call, meter: Meter) -> None:
    send(call, "e", metadata={"ratio": "0.7", "size": 3})

    found = call("GET", "/events/e/explain").body

    assert (found["status"], found["event"]["event_id"], found["unbilled"], found["invoice_lines"]) == ("excluded", "e", [], [])
    assert found["meters"] == [
        {
            "meter_id": meter.public_id,
            "name": "Sizes",
            "counted": False,
            "quantity": None,
            "reason": "filter",
            "message": "The filter keeps it out.",
            "clauses": [
                {
                    "path": "filter.clauses[0]",
                    "key": "ratio",
                    "operator": "greater_than",
                    "expected": 0.5,
                    "actual": "0.7",
                    "actual_type": "string",
                    "holds": False,
                    "reason": "other_type",
                }
            ],
        }
    ]
    assert [(one["kind"], one["path"], one["actual"]) for one in found["near_misses"]] == [
        ("number_as_string", "filter.clauses[0]", "0.7")
    ]


@pytest.mark.parametrize("event_id", ["a/b", "a/explain", "..", "%2F", "é"])
def test_any_event_id_can_be_explained_and_voided(call: Call, meter: Meter, event_id: str) -> None:
    send(call, event_id, metadata={"ratio": 0.7, "size": 0.1})
    address = "/events/" + quote(event_id, safe="").replace(".", "%2E")

    counted = call("GET", f"{address}/explain").body
    voided = call("POST", f"{address}/void", {"reason": "wrong"}).body

    assert (counted["status"], counted["meters"][0]["quantity"]) == ("counted", "0.1")
    assert counted["unbilled"] == [{"meter_id": meter.public_id, "subscription_id": None}]
    assert (voided["event_id"], voided["voided"]) == (event_id, True)
    assert call("GET", f"{address}/explain").body["status"] == "voided"


def test_an_id_that_was_refused_is_explained_by_its_problems(call: Call, meter: Meter) -> None:
    sent = {"event_id": "r", "customer_id": "nobody", "event_name": "Call "}
    assert call("POST", "/events/ingest", {"events": [sent]}).status == 400

    found = call("GET", "/events/r/explain").body

    assert (found["event"], found["status"], found["meters"]) == (None, "refused", [])
    assert [(one["code"], one["field"], one["status"], one["seen_count"]) for one in found["refusals"]] == [
        ("CUSTOMER_NOT_FOUND", "customer_id", "open", 1)
    ]
    assert call("GET", "/events/never/explain").body["code"] == "EVENT_NOT_FOUND"


def test_a_name_that_no_meter_counts_names_the_meters_over_almost_the_same(call: Call, meter: Meter) -> None:
    send(call, "e", event_name="Call ")

    found = call("GET", "/events/e/explain").body

    assert found["status"] == "unmatched"
    assert [(one["meter_id"], one["kind"], one["expected"], one["actual"]) for one in found["near_misses"]] == [
        (meter.public_id, "event_name", "call", "Call ")
    ]


def test_a_void_counts_at_once_is_safe_to_repeat_and_can_be_taken_back(call: Call, meter: Meter) -> None:
    send(call, "e", metadata={"ratio": 1, "size": 3})

    first = call("POST", "/events/e/void", {"reason": "twice"})
    again = call("POST", "/events/e/void", {"reason": "twice"})
    other = call("POST", "/events/e/void", {"reason": "another"})
    voided = usage(call, meter)
    back = [call("DELETE", "/events/e/void") for _ in range(2)]

    assert (first.status, again.body, other.status, other.body["code"]) == (200, first.body, 400, "EVENT_ALREADY_VOID")
    assert "with the reason “twice”" in other.body["message"]
    assert (voided, usage(call, meter)) == ("0", "3")
    assert [reply.body["voided"] for reply in back] == [False, False]
    assert back[0].body == back[1].body
    assert EventVoid.objects.count() == 2


def test_what_was_never_voided_cannot_be_taken_back(call: Call, meter: Meter) -> None:
    send(call, "e")

    assert call("DELETE", "/events/e/void").body["code"] == "EVENT_NOT_VOID"
    assert call("POST", "/events/x/void", {"reason": "r"}).body["code"] == "EVENT_NOT_FOUND"
    assert call("POST", "/events/e/void", {}).body == {
        "code": "MISSING_FIELD",
        "message": "`reason` is missing.",
        "field": "reason",
    }
    assert call("POST", "/events/e/void", {"reason": "r"}, scope="read").status == 403


def test_a_correction_voids_and_replaces_both_or_neither(call: Call, meter: Meter) -> None:
    send(call, "e", metadata={"ratio": 1, "size": 3}, timestamp=(timezone.now() - timedelta(days=2)).isoformat())
    whole = {"event_id": "e2", "customer_id": "ada", "event_name": "call", "metadata": {"ratio": 1, "size": 4.25}}

    bad = call("POST", "/events/e/void", {"reason": "r", "replacement": {**whole, "customer_id": "nobody"}})
    same_id = call("POST", "/events/e/void", {"reason": "r", "replacement": {**whole, "event_id": "e"}})
    untouched = usage(call, meter)
    first, again = (call("POST", "/events/e/void", {"reason": "r", "replacement": whole}) for _ in range(2))
    changed = call("POST", "/events/e/void", {"reason": "r", "replacement": {**whole, "metadata": {}}})

    assert (bad.status, bad.body["code"], bad.body["errors"][0]["field"]) == (400, "CUSTOMER_NOT_FOUND", "customer_id")
    assert (same_id.body["code"], untouched) == ("REPLACEMENT_ID_TAKEN", "3")
    assert (first.status, first.body["replacement_event_id"], again.body) == (200, "e2", first.body)
    assert changed.body["code"] == "EVENT_ALREADY_VOID"
    assert usage(call, meter) == "4.25"
    old, new = (call("GET", f"/events/{event_id}").body for event_id in ("e", "e2"))
    assert new["timestamp"] == old["timestamp"]
    assert call("GET", "/events/e/explain").body["voids"][0]["replacement_event_id"] == "e2"


def test_a_correction_may_be_as_old_as_what_it_corrects(call: Call, meter: Meter) -> None:
    then = timezone.now() - timedelta(days=50)
    factories.log(making.customer(), then, {"ratio": 1, "size": 3}, name="call", event_id="old")
    whole = {"event_id": "new", "customer_id": "ada", "event_name": "call", "metadata": {"ratio": 1, "size": 4}}

    reply = call("POST", "/events/old/void", {"reason": "r", "replacement": {**whole, "timestamp": then.isoformat()}})
    older = {**whole, "event_id": "n2", "timestamp": (then - timedelta(days=1)).isoformat()}
    refused = call("POST", "/events/new/void", {"reason": "r", "replacement": older})

    assert (reply.status, usage(call, meter)) == (200, "4")
    assert refused.body["code"] == "TIMESTAMP_TOO_OLD"


@pytest.mark.parametrize(("sent", "read"), [("59.9999999Z", "59.999999Z"), ("59.9999995", "59.999999Z"), ("05+00:00", "05Z")])
def test_the_time_of_a_correction_is_read_as_ingest_reads_it(call: Call, meter: Meter, sent: str, read: str) -> None:
    send(call, "e")
    minute = f"{timezone.now() - timedelta(minutes=5):%Y-%m-%dT%H:%M}:"
    whole = {"event_id": "e2", "customer_id": "ada", "event_name": "call"}

    wrong = call("POST", "/events/e/void", {"reason": "r", "replacement": {**whole, "timestamp": minute + "61Z"}})
    call("POST", "/events/e/void", {"reason": "r", "replacement": {**whole, "timestamp": minute + sent}})

    assert (wrong.status, wrong.body["code"]) == (422, "INVALID_TIMESTAMP")
    assert call("GET", "/events/e2").body["timestamp"] == minute + read


def test_an_event_refused_for_its_neighbours_says_so(call: Call, meter: Meter) -> None:
    good = {"event_id": "good", "customer_id": "ada", "event_name": "call"}
    bad = {"event_id": "bad", "customer_id": "nobody", "event_name": "call"}
    assert call("POST", "/events/ingest", {"events": [good, bad]}).status == 400

    found = call("GET", "/events/good/explain").body

    assert (found["event"], found["status"]) == (None, "refused")
    assert [(one["code"], one["field"], one["status"], one["seen_count"]) for one in found["refusals"]] == [
        ("REFUSED_WITH_OTHERS", None, "open", 1)
    ]


def test_a_meter_that_cannot_be_read_hides_no_other(call: Call, meter: Meter) -> None:
    broken = factories.meter("count", event_name="call", name="Broken")
    Meter.objects.filter(pk=broken.pk).update(filter={"conjunction": "xor", "clauses": []})
    send(call, "e", metadata={"ratio": 0.7, "size": 3})

    found = call("GET", "/events/e/explain").body

    assert found["status"] == "counted"
    assert [(one["name"], one["counted"], one["reason"]) for one in found["meters"]] == [
        ("Sizes", True, None),
        ("Broken", False, "unreadable"),
    ]
