"""Clauses are blamed for what they keep out."""

import pytest

from meters import blame, filters
from meters.blame import Judged

EU = {"key": "region", "operator": "equals", "value": "eu"}
BIG = {"key": "n", "operator": "greater_than", "value": 10}
PAID = {"key": "paid", "operator": "equals", "value": True}


def counts(conjunction: str, clauses: list[object], judged: dict[str, int]) -> list[tuple[str, int, int, int, int]]:
    tree = filters.parse({"conjunction": conjunction, "clauses": clauses})
    found = blame.blame(tree, [Judged(verdicts, count) for verdicts, count in judged.items()])
    return [(one.path.removeprefix("filter."), one.missing, one.other_type, one.differs, one.alone) for one in found]


def test_and_blames_each_clause_that_fails_and_counts_what_it_alone_keeps_out() -> None:
    assert counts("and", [EU, BIG], {"hh": 5, "dh": 7, "mt": 3, "hd": 2}) == [
        ("clauses[0]", 3, 0, 7, 7),
        ("clauses[1]", 0, 3, 2, 2),
    ]


def test_or_blames_nobody_while_one_alternative_holds() -> None:
    assert counts("or", [EU, BIG], {"hd": 5, "md": 4}) == [("clauses[0]", 4, 0, 0, 4), ("clauses[1]", 0, 0, 4, 4)]


def test_a_nested_group_is_judged_as_a_whole() -> None:
    nested = {"conjunction": "or", "clauses": [BIG, PAID]}

    assert counts("and", [EU, nested], {"hdh": 5, "hdm": 4, "dhh": 2, "ddd": 1}) == [
        ("clauses[0]", 0, 0, 3, 2),
        ("clauses[1].clauses[0]", 0, 0, 5, 4),
        ("clauses[1].clauses[1]", 4, 0, 1, 4),
    ]


@pytest.mark.parametrize(("verdicts", "passed"), [("h", True), ("m", False), ("t", False), ("d", False)])
def test_only_what_holds_passes(verdicts: str, passed: bool) -> None:
    tree = filters.parse({"conjunction": "and", "clauses": [EU]})

    assert blame.passed(tree, Judged(verdicts, 1)) is passed


def test_no_filter_passes_everything() -> None:
    assert blame.passed(None, Judged("", 1))
    assert blame.blame(None, [Judged("", 1)]) == ()
