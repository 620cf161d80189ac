"""What a filter means, and which JSON is one."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from meters.filters import Condition, FilterInvalid, Group, conditions, matches, parse, to_json
from meters.tests.filter_cases import CASES, MISSING
from meters.tests.strategies import groups


def clause(key: str = "model", operator: str = "equals", value: Any = "gpt-4") -> dict[str, Any]:
    return {"key": key, "operator": operator, "value": value}


def nested(levels: int) -> dict[str, Any]:
    inner = clause() if levels == 1 else nested(levels - 1)
    return {"conjunction": "and", "clauses": [inner]}


@pytest.mark.parametrize(("operator", "expected", "actual", "holds"), CASES)
def test_each_case_of_the_table_holds_in_python(operator: str, expected: Any, actual: Any, holds: bool) -> None:
    tree = parse({"conjunction": "and", "clauses": [clause("k", operator, expected)]})

    assert matches(tree, {} if actual is MISSING else {"k": actual}) is holds


def test_no_filter_matches_every_event() -> None:
    assert parse(None) is None
    assert matches(None, {})


def test_conditions_and_groups_may_stand_in_one_list() -> None:
    tree = parse({"conjunction": "or", "clauses": [clause(), {"conjunction": "and", "clauses": [clause("a"), clause("b")]}]})

    assert matches(tree, {"model": "gpt-4"})
    assert matches(tree, {"a": "gpt-4", "b": "gpt-4"})
    assert not matches(tree, {"a": "gpt-4"})


def test_conditions_are_walked_with_their_paths() -> None:
    tree = parse({"conjunction": "or", "clauses": [clause("a"), {"conjunction": "and", "clauses": [clause("b")]}]})

    assert list(conditions(tree)) == [
        ("filter.clauses[0]", Condition("a", "equals", "gpt-4")),
        ("filter.clauses[1].clauses[0]", Condition("b", "equals", "gpt-4")),
    ]


@given(groups())
def test_what_is_written_reads_back_the_same(tree: Group) -> None:
    assert parse(to_json(tree)) == tree


def test_three_levels_are_allowed_and_a_fourth_is_refused() -> None:
    assert parse(nested(3)) is not None

    with pytest.raises(FilterInvalid, match="nested 3 levels deep"):
        parse(nested(4))


@pytest.mark.parametrize(
    ("source", "field", "message"),
    [
        ([], "filter", "must be an object"),
        ({"conjunction": "xor", "clauses": [clause()]}, "filter.conjunction", 'must be "and" or "or"'),
        ({"conjunction": "and"}, "filter.clauses", "a list of 1 to 10 clauses"),
        ({"conjunction": "and", "clauses": []}, "filter.clauses", "a list of 1 to 10 clauses"),
        ({"conjunction": "and", "clauses": [clause()] * 11}, "filter.clauses", "a list of 1 to 10 clauses"),
        ({"conjunction": "and", "clauses": ["x"]}, "filter.clauses[0]", "a condition or a nested filter"),
        ({"conjunction": "and", "clauses": [clause(), clause(key="")]}, "filter.clauses[1].key", "1 to 100 characters"),
        ({"conjunction": "and", "clauses": [clause(key="k" * 101)]}, "filter.clauses[0].key", "1 to 100 characters"),
        ({"conjunction": "and", "clauses": [clause(operator="like")]}, "filter.clauses[0].operator", "must be one of equals"),
        ({"conjunction": "and", "clauses": [clause(operator=[])]}, "filter.clauses[0].operator", "must be one of equals"),
        ({"conjunction": "and", "clauses": [clause(value=None)]}, "filter.clauses[0].value", "a string, a number or a boolean"),
        ({"conjunction": "and", "clauses": [clause(value=["x"])]}, "filter.clauses[0].value", "a string, a number or a boolean"),
        (
            {"conjunction": "and", "clauses": [clause(operator="contains", value=1)]},
            "filter.clauses[0].value",
            "not with a number",
        ),
        (
            {"conjunction": "and", "clauses": [clause(operator="less_than", value=True)]},
            "filter.clauses[0].value",
            "with a boolean",
        ),
        ({"conjunction": "and", "clauses": [clause(value="x" * 501)]}, "filter.clauses[0].value", "longer than 500"),
        ({"conjunction": "and", "clauses": [clause(value="a\0")]}, "filter.clauses[0].value", "NUL character"),
        ({"conjunction": "and", "clauses": [clause(value="\ud800")]}, "filter.clauses[0].value", "surrogate"),
        ({"conjunction": "and", "clauses": [clause(value=10**30)]}, "filter.clauses[0].value", "below 10"),
        ({"conjunction": "and", "clauses": [clause(value=Decimal("1E-19"))]}, "filter.clauses[0].value", "below 10"),
        ({"conjunction": "and", "clauses": [clause(value=Decimal("1E+131071"))]}, "filter.clauses[0].value", "below 10"),
        ({"conjunction": "and", "clauses": [clause(value=Decimal("NaN"))]}, "filter.clauses[0].value", "below 10"),
        ({"conjunction": "and", "clauses": [nested(1) | {"clauses": [{}]}]}, "filter.clauses[0].clauses[0].key", "1 to 100"),
    ],
)
def test_what_is_no_filter_is_refused_with_the_clause_at_fault(source: Any, field: str, message: str) -> None:
    with pytest.raises(FilterInvalid, match=message) as refused:
        parse(source)

    assert refused.value.field == field
    assert refused.value.code == "INVALID_FILTER"


def test_a_float_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError):
        parse({"conjunction": "and", "clauses": [clause(value=0.1)]})


def test_whole_numbers_are_written_without_a_point() -> None:
    tree = parse({"conjunction": "and", "clauses": [clause(value=Decimal("150.0")), clause(value=Decimal("0.5"))]})

    assert [written["value"] for written in to_json(tree)["clauses"]] == [150, Decimal("0.5")]
