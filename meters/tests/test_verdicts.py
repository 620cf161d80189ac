from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.periods import FOREVER, Period
from meters import filters, verdicts
from meters.definition import ALWAYS, Definition

AT = datetime(2026, 10, 1, tzinfo=UTC)
TREE = {
    "conjunction": "and",
    "clauses": [
        {"key": "region", "operator": "equals", "value": "eu"},
        {
            "conjunction": "or",
            "clauses": [
                {"key": "status", "operator": "less_than", "value": 400},
                {"key": "cached", "operator": "equals", "value": True},
            ],
        },
    ],
}
GOOD = {"region": "eu", "status": 200, "size": Decimal("1.5")}


def definition(*, active: tuple[Period, ...] = (Period(ALWAYS, FOREVER),)) -> Definition:
    return Definition("call", "sum", "size", filters.parse(TREE), active)


def judge(metadata: dict[str, Any], *, is_void: bool = False, **options: Any) -> verdicts.Verdict:
    return verdicts.verdict(definition(**options), timestamp=AT, metadata=metadata, is_void=is_void)


def test_a_counted_event_has_a_quantity_and_no_reason() -> None:
    assert (judge(GOOD).counted, judge(GOOD).quantity, judge(GOOD).reason) == (True, Decimal("1.5"), None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"region": "us"}, "filter"),
        ({"status": 500}, "filter"),
        ({"size": None}, "property_missing"),
        ({"size": "1.5"}, "property_is_string"),
        ({"size": True}, "property_not_numeric"),
    ],
)
def test_what_is_not_counted_says_why(change: dict[str, Any], reason: str) -> None:
    metadata = {key: scalar for key, scalar in {**GOOD, **change}.items() if scalar is not None}

    assert (judge(metadata).reason, judge(metadata).quantity) == (reason, None)
    assert definition().counts(event_name="call", timestamp=AT, metadata=metadata) is None


def test_a_void_event_and_one_outside_the_active_intervals_do_not_count() -> None:
    assert judge(GOOD, is_void=True).reason == "voided"
    assert judge(GOOD, active=(Period(ALWAYS, AT),)).reason == "archived"


def test_every_condition_is_judged_with_its_place_and_what_was_found() -> None:
    judged = judge({"region": "us", "status": "200"}).conditions

    assert [(one.path, one.holds, one.actual, one.actual_type, one.reason) for one in judged] == [
        ("filter.clauses[0]", False, "us", "string", "differs"),
        ("filter.clauses[1].clauses[0]", False, "200", "string", "other_type"),
        ("filter.clauses[1].clauses[1]", False, None, None, "missing"),
    ]


def test_an_or_group_is_to_blame_as_a_whole() -> None:
    assert [path for path, _ in verdicts.decisive(filters.parse(TREE))] == ["filter.clauses[0]", "filter.clauses[1]"]


def test_near_misses_name_what_is_asked_for_and_what_came() -> None:
    missed = verdicts.near_misses(definition(), {"Region": "eu", "status": " 200 ", "cached": "True", "size": "1e3"})

    assert [(one.kind, one.path, one.expected, one.actual) for one in missed] == [
        ("number_as_string", "aggregation.key", "a number", "1e3"),
        ("property_key", "filter.clauses[0]", "region", "Region"),
        ("number_as_string", "filter.clauses[1].clauses[0]", "400", " 200 "),
        ("boolean_as_string", "filter.clauses[1].clauses[1]", "true", "True"),
    ]


@pytest.mark.parametrize(("wanted", "came", "near"), [("eu", "EU ", True), ("eu", "europe", False), ("a b", "AB", True)])
def test_texts_nearly_match_when_only_case_and_spaces_differ(wanted: str, came: str, near: bool) -> None:
    tree = filters.parse({"conjunction": "and", "clauses": [{"key": "k", "operator": "equals", "value": wanted}]})
    counting = Definition("call", "count", None, tree, (Period(ALWAYS, FOREVER),))

    assert [one.kind for one in verdicts.near_misses(counting, {"k": came})] == (["string_case"] if near else [])


def test_what_is_far_from_a_number_is_no_near_miss() -> None:
    assert verdicts.near_misses(definition(), {**GOOD, "size": "ten"}) == ()
