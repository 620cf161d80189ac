import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from core import expiring, recall
from core.expiring import Expiring
from core.recall import Recall, TooManyLookups


class Source:
    """What would be a table, and what was asked of it."""

    def __init__(self, **rows: int) -> None:
        self.rows = rows
        self.asked: list[list[str]] = []

    def read(self, keys: list[str], *, connection: Any) -> dict[str, int]:
        self.asked.append(sorted(keys))
        return {key: self.rows[key] for key in keys if key in self.rows}


def running(source: Source, cache: Expiring[str, int], *steps: Any) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as pool:
            one = Recall(cache, source.read, lambda work: pool.submit(work, cast(Any, None)))
            for step in steps:
                await step(one)

    asyncio.run(run())


def test_all_who_wait_are_answered_by_two_statements():
    source, cache = Source(a=1, b=2, c=3), Expiring[str, int]("test")

    async def ask(one: Recall[str, int]) -> None:
        await asyncio.gather(*[one.know([key]) for key in "abcabcx"])

    running(source, cache, ask)

    assert len(source.asked) <= 2
    assert [cache.get(key) for key in "abcx"] == [1, 2, 3, None]


def test_what_is_in_use_is_read_again_before_it_expires_and_what_is_gone_is_forgotten(monkeypatch):
    source, cache = Source(used=1, gone=2, idle=3), Expiring[str, int]("test")
    clock = [0.0]
    monkeypatch.setattr(expiring.time, "monotonic", lambda: clock[0])

    async def age_and_use(one: Recall[str, int]) -> None:
        await one.know(["used", "gone", "idle"])
        clock[0] = 3.0
        assert (cache.get("used"), cache.get("gone")) == (1, 2)
        del source.rows["gone"]
        source.rows["used"] = 10
        await one.refresh()
        assert (cache.get("used"), cache.get("gone"), cache.get("idle")) == (10, None, 3)
        clock[0] = 6.0

    running(source, cache, age_and_use)

    assert source.asked[1:] == [["gone", "used"]]
    assert [cache.get(key) for key in ("used", "gone", "idle")] == [10, None, None]


def test_more_than_may_wait_is_refused(monkeypatch):
    monkeypatch.setattr(recall, "MOST_WANTED", 2)

    async def ask(one: Recall[str, int]) -> None:
        answers = await asyncio.gather(*[one.know([key]) for key in "abc"], return_exceptions=True)
        assert [type(answer) for answer in answers] == [dict, dict, TooManyLookups]

    running(Source(), Expiring[str, int]("test"), ask)


def test_a_failed_question_fails_those_who_asked_it_and_nobody_after():
    source, cache = Source(a=1), Expiring[str, int]("test")

    async def fail_once(one: Recall[str, int]) -> None:
        one._read = lambda keys, connection: {}[keys[0]]
        with pytest.raises(KeyError):
            await one.know(["a"])
        one._read = source.read
        await one.know(["a"])

    running(source, cache, fail_once)

    assert cache.get("a") == 1
