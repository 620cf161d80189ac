"""A key's share of events a second: a bucket of one second, whose debts are waited for."""

import time
from typing import Any

import pytest

from api.v1 import rate
from api.v1.rate import RateLimited
from events.ingest import RequestRefused
from events.problems import Problem

KEY, OTHER = 1, 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[float]:
    """Ten events a second, by a clock that the test sets."""
    settings.INGEST_EVENTS_PER_SECOND = 10
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def wait(key_id: int) -> str:
    """Say after how many seconds the key may come again, or nothing where it may come now."""
    try:
        rate.check(key_id)
    except RateLimited as limited:
        return limited.headers["Retry-After"]
    return ""


def test_a_rest_is_worth_one_second_at_most_and_a_debt_is_waited_for(clock: list[float]) -> None:
    rate.charge(KEY, events=0)
    clock[0] += 3600
    rate.charge(KEY, events=35)

    waits = [wait(KEY)]
    for passed in (2.4, 0.2):
        clock[0] += passed
        waits.append(wait(KEY))

    assert waits == ["3", "1", ""]
    assert wait(OTHER) == ""


def test_what_is_asked_to_wait_is_never_longer_than_clients_take(clock: list[float]) -> None:
    rate.charge(KEY, events=100_000)

    assert wait(KEY) == "60"


def test_events_that_are_refused_are_charged_and_what_was_not_read_is_not(clock: list[float]) -> None:
    problem = Problem(0, None, "event_id", "MISSING_FIELD", "It is missing.")

    rate.charge_refused(KEY, RequestRefused([problem], event_count=15))
    rate.charge_refused(OTHER, RateLimited(limit=10, wait_seconds=1))

    assert (wait(KEY), wait(OTHER)) == ("1", "")
