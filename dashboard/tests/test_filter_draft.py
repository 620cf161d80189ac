from decimal import Decimal
from typing import Any

import pytest

from core.exact_json import dumps
from dashboard import filter_draft as drafts
from meters import filters

POSTED = {
    "filter.conjunction": "and",
    "filter.0.key": "region", "filter.0.operator": "equals", "filter.0.kind": "string", "filter.0.value": "eu",
    "filter.1.conjunction": "or",
    "filter.1.0.key": "n", "filter.1.0.operator": "greater_than", "filter.1.0.kind": "number", "filter.1.0.value": " 0.10 ",
    "filter.1.1.conjunction": "and",
    "filter.1.1.0.key": "id", "filter.1.1.0.operator": "equals", "filter.1.1.0.kind": "number",
    "filter.1.1.0.value": "12345678901234567890",
    "filter.1.1.1.key": "paid", "filter.1.1.1.operator": "equals", "filter.1.1.1.kind": "boolean", "filter.1.1.1.value": "True",
}  # fmt: skip


def one(**fields: str) -> dict[str, Any]:
    return {"conjunction": "and", "clauses": [{**drafts.condition(), "key": "n", **fields}]}


def test_three_levels_are_read_with_every_digit() -> None:
    found = drafts.judge(drafts.read(POSTED))

    assert found.errors == {}
    assert dumps(found.filter) == (
        '{"conjunction":"and","clauses":[{"key":"region","operator":"equals","value":"eu"},{"conjunction":"or","clauses":['
        '{"key":"n","operator":"greater_than","value":0.10},{"conjunction":"and","clauses":['
        '{"key":"id","operator":"equals","value":12345678901234567890},{"key":"paid","operator":"equals","value":true}]}]}]}'
    )


def test_a_filter_comes_back_as_the_draft_it_was_made_of() -> None:
    tree = filters.parse(drafts.judge(drafts.read(POSTED)).filter)

    again = drafts.of_filter(tree)

    assert drafts.judge(again) == drafts.judge(drafts.read(POSTED))
    assert again["clauses"][1]["clauses"][0]["value"] == "0.10"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"key": " "}, "filter.0.key"),
        ({"kind": "number", "value": "1,5"}, "filter.0.value"),
        ({"kind": "number", "value": "NaN"}, "filter.0.value"),
        ({"kind": "number", "value": "1e31"}, "filter.0.value"),
        ({"kind": "boolean", "value": "yes"}, "filter.0.value"),
        ({"kind": "number", "value": "1", "operator": "contains"}, "filter.0.value"),
        ({"operator": "like"}, "filter.0.operator"),
        ({"key": "k" * 101}, "filter.0.key"),
    ],
)
def test_what_is_at_fault_is_named_at_its_clause_and_left_out(fields: dict[str, str], place: str) -> None:
    found = drafts.judge(one(**fields))

    assert list(found.errors) == [place]
    assert found.filter is None


def test_clauses_and_groups_are_added_up_to_three_levels_and_ten_clauses() -> None:
    draft = drafts.empty()

    assert drafts.change(draft, "add:filter") == "filter.0"
    assert drafts.change(draft, "group:filter") == "filter.1.0"
    assert drafts.change(draft, "group:filter.1") == "filter.1.1.0"
    assert drafts.change(draft, "group:filter.1.1") == "", "a fourth level"
    assert [node["conjunction"] for _path, node in drafts.walk(draft) if drafts.is_group(node)] == ["and", "or", "and"]
    for _ in range(20):
        drafts.change(draft, "add:filter.1.1")
    assert len(draft["clauses"][1]["clauses"][1]["clauses"]) == 10


def test_a_group_goes_with_its_only_clause() -> None:
    draft = drafts.read(POSTED)

    assert drafts.change(draft, "remove:filter.1.1.0") == "filter.1.1.0"
    assert drafts.change(draft, "remove:filter.1.1.0") == "filter.1.0"
    assert drafts.change(draft, "remove:filter.1.0") == "filter.0"
    assert drafts.change(draft, "remove:filter.0") == "filter"
    assert draft == drafts.empty()


@pytest.mark.parametrize("wanted", ["remove:filter", "remove:filter.9", "add:filter.0", "add:nowhere", "", "remove:"])
def test_what_cannot_be_done_changes_nothing(wanted: str) -> None:
    draft = one()

    assert drafts.change(draft, wanted) == ""
    assert draft == one()


def test_decimals_are_never_floats() -> None:
    assert drafts.judge(one(kind="number", value="0.10")).filter == {
        "conjunction": "and", "clauses": [{"key": "n", "operator": "equals", "value": Decimal("0.10")}],
    }  # fmt: skip
