"""Meters through HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from dodopayments import APIStatusError, DodoPayments

from meters.models import Meter

NESTED = {
    "conjunction": "and",
    "clauses": [
        {"conjunction": "or", "clauses": [{"key": "model", "operator": "equals", "value": "large"}]},
        {"conjunction": "and", "clauses": [{"key": "ratio", "operator": "less_than", "value": 0.5}]},
    ],
}


def meter(**changes: Any) -> dict[str, Any]:
    return {"name": "M", "event_name": "call", "measurement_unit": "calls", "aggregation": {"type": "count"}, **changes}


@pytest.mark.django_db(transaction=True)
def test_the_client_makes_renames_and_archives_meters(dodo: DodoPayments) -> None:
    made = dodo.meters.create(**meter(aggregation={"type": "sum", "key": "tokens"}, filter=NESTED, description="All of them"))
    dodo.meters.create(**meter(name="Second"))

    read = dodo.meters.retrieve(made.id)
    assert read == made
    assert (read.aggregation.type, read.aggregation.key, read.description) == ("sum", "tokens", "All of them")
    assert read.filter is not None
    assert read.filter.to_dict() == NESTED
    assert [m.name for m in dodo.meters.list()] == ["Second", "M"]

    dodo.meters.archive(made.id)
    assert [m.name for m in dodo.meters.list()] == ["Second"]
    assert [m.name for m in dodo.meters.list(archived=True)] == ["M"]
    with pytest.raises(APIStatusError) as caught:
        dodo.meters.archive(made.id)
    assert (caught.value.status_code, caught.value.body["code"]) == (410, "METER_ALREADY_ARCHIVED")  # type: ignore[index]
    dodo.meters.unarchive(made.id)
    assert [m.name for m in dodo.meters.list()] == ["Second", "M"]


def test_clauses_may_mix_conditions_and_filters(call: Callable[..., Any]) -> None:
    condition = {"key": "status", "operator": "not_equals", "value": True}
    mixed = {"conjunction": "and", "clauses": [condition, NESTED["clauses"][1]]}

    assert call("POST", "/meters", meter(filter=mixed)).body["filter"] == mixed


def test_filter_numbers_stay_exact(call: Callable[..., Any]) -> None:
    raw = b'{"name": "M", "event_name": "e", "measurement_unit": "u", "aggregation": {"type": "count"}, "filter": {"conjunction": "and", "clauses": [{"key": "k", "operator": "equals", "value": 12345678901234567890.000000000000000001}]}}'  # noqa: E501
    made = call("POST", "/meters", raw=raw)

    assert (
        str(Meter.objects.get(public_id=made.body["id"]).filter["clauses"][0]["value"])
        == "12345678901234567890.000000000000000001"
    )


def test_changes_only_descriptions(call: Callable[..., Any]) -> None:
    made = call("POST", "/meters", meter()).body

    changed = call("PATCH", f"/meters/{made['id']}", {"name": "N", "description": "D", "measurement_unit": "u"}).body
    refused = call("PATCH", f"/meters/{made['id']}", {"event_name": "other"})

    assert (changed["name"], changed["description"], changed["measurement_unit"]) == ("N", "D", "u")
    assert (refused.status, refused.body["code"], refused.body["field"]) == (400, "UNSUPPORTED_ACTION", "event_name")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (meter(aggregation={"type": "avg"}), 422, "INVALID_FIELD"),
        (meter(aggregation={}), 422, "MISSING_FIELD"),
        (meter(aggregation="count"), 422, "WRONG_TYPE"),
        (meter(event_name=""), 422, "INVALID_FIELD"),
        (meter(event_name=None), 422, "WRONG_TYPE"),
        (meter(filter=[]), 422, "WRONG_TYPE"),
        (meter(filter={"conjunction": "xor", "clauses": []}), 400, "INVALID_FILTER"),
        (meter(filter={"conjunction": "and", "clauses": [{"key": "k", "operator": "near", "value": 1}]}), 400, "INVALID_FILTER"),
    ],
)
def test_refuses_bad_meters(call: Callable[..., Any], content: Any, status: int, code: str) -> None:
    reply = call("POST", "/meters", content)

    assert (reply.status, reply.body["code"]) == (status, code)
    assert not Meter.objects.exists()


def test_an_aggregation_needs_its_key(call: Callable[..., Any]) -> None:
    for kind in ("sum", "max", "last"):
        assert call("POST", "/meters", meter(aggregation={"type": kind})).status == 400
    assert call("POST", "/meters", meter(aggregation={"type": "count", "key": "x"})).status in {201, 400}


def test_an_unknown_meter_is_not_found(call: Callable[..., Any]) -> None:
    usage = "/usage?start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z"
    for method, address in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/unarchive"), ("GET", usage)]:
        reply = call(method, f"/meters/mtr_x{address}")

        assert (reply.status, reply.body) == (404, {"code": "METER_NOT_FOUND", "message": "There is no meter mtr_x."})
