"""A minute of what benchmarks/soak does for ten."""

import pytest

from benchmarks.soak import run
from benchmarks.soak.clients import Known


def test_nothing_is_lost_or_doubled_when_processes_are_killed():
    report = run.run(seconds=30, kills=6, clients=3, seed=7)

    assert report.wrong == []
    assert report.kills == {"web": 2, "worker": 2, "postgres": 2}
    assert report.acknowledged > 0


WELL = {
    "ids": ["a", "b"],
    "usage": {"sum cus": ["7", 2]},
    "unequal": [],
    "rolled": 2,
    "void": [],
    "conflicts": [],
    "refused": ["z"],
}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({}, []),
        ({"ids": ["a"]}, ["acknowledged, not stored: 1, such as b"]),
        ({"ids": ["a", "b", "c"]}, ["stored, not acknowledged: 1, such as c"]),
        ({"ids": ["a", "b", "b"]}, ["stored 2 times: b"]),
        ({"usage": {"sum cus": ["8", 2]}}, ["usage of cus is ['8', 2], sent were 7 in 2 events"]),
        ({"unequal": ["one"]}, ["usage differs from recomputation: one"]),
        ({"rolled": 3}, ["rolled up are 3 events of 2"]),
        ({"conflicts": ["a"]}, ["a conflict, not answered as conflict: 1, such as a"]),
        ({"refused": []}, ["answered as refused, not kept as refused: 1, such as z"]),
        ({"void": ["a"], "rolled": 1}, ["void, not answered as void: 1, such as a"]),
    ],
)
def test_whatever_is_wrong_is_told(found, wrong):
    known = Known(tokens={"a": 3, "b": 4}, customer={"a": "cus", "b": "cus"}, refused={"z"})

    assert run.differences([known], WELL | found) == wrong
