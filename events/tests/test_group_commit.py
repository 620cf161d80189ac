"""What a group promises: no request pays for its neighbour, whatever is in the group and whoever writes the same ids at once."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from msgspec import Raw

from core import database
from events import names, store, writers
from events.group_commit import GroupCommit
from events.models import Event, EventConflict
from events.rows import Batch
from events.store import IngestResult
from events.tests.sending import NOW, make_customer, make_key
from events.validation import Event as Sent
from events.writers import Writers

pytestmark = pytest.mark.django_db(transaction=True)
Prepare = Callable[..., Batch]


@pytest.fixture
def batch() -> Prepare:
    """Make a batch of events by their ids, all with the same metadata."""
    ada, key = make_customer(), make_key()[0]
    numbers = names.numbers({"n"}, connection=database.of_django(), now=NOW)

    def make(*event_ids: str, metadata: str = "{}") -> Batch:
        sent = [Sent(one, "ada", "n", timestamp=None, metadata=Raw(metadata)) for one in event_ids]
        return Batch(sent, range(len(sent)), {"ada": ada.id}, numbers, NOW, key_id=key.id)

    return make


def in_groups(*told: Callable[[GroupCommit], Awaitable[Any]], committers: int = 1) -> list[Any]:
    """Run what is told at once, each against the next of `committers`, as many processes would."""

    async def run() -> list[Any]:
        pool = Writers(threads=2)
        groups = [GroupCommit(database.parameters(application="test"), pool) for _ in range(committers)]
        try:
            return await asyncio.gather(*[tell(groups[place % committers]) for place, tell in enumerate(told)])
        finally:
            for group in groups:
                await group.end()
            await asyncio.to_thread(pool.end)

    return asyncio.run(run())


def writing(batch: Batch) -> Callable[[GroupCommit], Awaitable[IngestResult | None]]:
    return lambda group: group.submit(batch)


def counts(result: IngestResult | None) -> tuple[int, int, int] | None:
    return result and (result.ingested_count, result.duplicate_count, len(result.conflicts))


def stored() -> list[str]:
    return sorted(Event.objects.values_list("event_id", flat=True))


def test_a_group_with_duplicates_and_conflicts_tells_each_request_its_own(batch):
    in_groups(writing(batch("old", "older", metadata='{"n": 1}')))

    results = in_groups(
        writing(batch("a", "b")),
        writing(batch("c", "old", metadata='{"n": 1}')),
        writing(batch("older", "d", metadata='{"n": 2}')),
        writing(batch("old", metadata='{"n": 1}')),
    )

    assert [counts(result) for result in results] == [(2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 0)]
    assert [(taken.index, taken.event_id) for taken in results[2].conflicts] == [(0, "older")]
    assert stored() == ["a", "b", "c", "d", "old", "older"]
    assert list(EventConflict.objects.values_list("event__event_id", "content__metadata")) == [("older", {"n": 2})]


def test_a_row_that_the_database_refuses_costs_only_its_own_request(batch):
    results = in_groups(writing(batch("a")), writing(batch("bad", metadata="no json")), writing(batch("b", "c")))

    assert results == [None, None, None]  # each goes through ingest() on its own, where only the bad one is refused
    assert stored() == []


@pytest.mark.parametrize("wary", [False, True])
@pytest.mark.parametrize("committers", [1, 2])
def test_the_same_ids_at_once_are_stored_once(batch, wary, committers):
    ids = [f"e{number}" for number in range(60)]
    requests = [batch(*ids[:40]), batch(*ids[::-1]), batch(*ids[20:]), *[batch(one) for one in ids]]
    if wary:
        store.beware(requests[0].key_id)

    results = in_groups(*[writing(request) for request in requests], committers=committers)

    assert stored() == sorted(ids)
    assert sum(result.ingested_count for result in results) == 60
    assert all(
        result.ingested_count + result.duplicate_count == len(request.events)
        for request, result in zip(requests, results, strict=True)
    )


def test_whoever_sent_a_duplicate_is_written_with_care_for_a_while(batch):
    in_groups(writing(batch("a")))
    assert not store.is_wary(batch("a").key_id)

    in_groups(writing(batch("a")))

    assert store.is_wary(batch("a").key_id)


@contextmanager
def stopped_backend(application: str) -> Iterator[None]:
    """Stop the processes that serve one application's connections, for the length of a with block."""
    found = database.of_django().execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [application]).fetchall()
    for (pid,) in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for (pid,) in found:
            os.kill(pid, signal.SIGCONT)


def test_a_backend_that_does_not_answer_holds_no_thread(monkeypatch):
    monkeypatch.setattr(writers, "OVERDUE_SECONDS", 0.2)
    pool = Writers(threads=1)
    pool.submit(lambda connection: connection.execute("SELECT 1")).result()

    with stopped_backend("tallybook ingest"), pytest.raises(psycopg.OperationalError):
        pool.submit(lambda connection: connection.execute("SELECT 1")).result()

    assert pool.submit(lambda connection: connection.execute("SELECT 2").fetchone()).result() == (2,)
    pool.end()
