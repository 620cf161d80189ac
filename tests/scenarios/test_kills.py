import threading
from collections import Counter

import pytest

from tests.scenarios import kills


def test_nothing_is_lost_or_doubled_when_processes_are_killed():
    report = kills.run(kills=3, seed=7)

    assert report.wrong == []
    assert report.kills == {"web": 1, "worker": 1, "postgres": 1}
    assert report.acknowledged > 0


WELL = {
    "ids": ["a", "b"],
    "by_customer": {"cus": 2},
    "usage": {"sum cus": ["7", 2]},
    "unequal": [],
    "rolled": 2,
    "conflicts": 0,
    "refused": 0,
}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({}, []),
        ({"ids": ["a"]}, ["acknowledged, not stored: 1"]),
        ({"ids": ["a", "b", "c"]}, ["stored, never acknowledged: 1"]),
        ({"ids": ["a", "b", "b"]}, ["stored 2 times: b"]),
        ({"usage": {"sum cus": ["8", 2]}}, ["usage of cus is 8 of 2 events, sent were 7"]),
        ({"unequal": ["one"]}, ["usage differs from recomputation: one"]),
        ({"rolled": 3}, ["rolled up are 3 events of 2"]),
        ({"conflicts": 1}, ["1 conflicts and 0 refused requests"]),
    ],
)
def test_whatever_is_wrong_is_told(found, wrong):
    sender = kills.Sender("", "", [], 1, threading.Event(), acknowledged=Counter("ab"), sums=Counter(cus=7))

    assert kills._differences([sender], WELL | found) == wrong
