"""What the coroutine promises beyond the contract: unread, broken and hostile requests cost nothing and stop nothing."""

import asyncio
import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import connection, transaction

from api.v1 import ingest_asgi, ingest_http
from api.v1.ingest_asgi import IngestApp
from api.v1.ingest_http import Unacceptable
from core.faults import striking
from events.models import Event
from events.tests.sending import body, event, make_customer, make_key

PATH = "/api/v1/events/ingest"


def read(app: IngestApp, *messages: dict[str, Any], encoding: bytes = b"") -> tuple[bytes, list[int]]:
    waiting, inside = list(messages), [0, 0]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return asyncio.run(app._body(receive, encoding, inside)), inside


def piece(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def test_a_client_that_left_before_its_body_has_sent_none() -> None:
    with pytest.raises(Unacceptable, match="ended too early"):
        read(IngestApp(), {"type": "http.disconnect"})


@pytest.mark.parametrize("waiting", [[], [piece(b"{", more=True)]])
def test_a_body_that_is_not_there_in_time_is_refused_and_not_an_error_of_ours(
    waiting: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_asgi, "BODY_SECONDS", 0.05)

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else await asyncio.Event().wait()  # type: ignore[return-value]

    with pytest.raises(Unacceptable, match="not whole after") as refused:
        asyncio.run(IngestApp()._body(receive, b"", [0, 0]))

    assert ingest_http.refused(refused.value).status == 408


def test_what_a_body_unpacks_to_is_admitted_while_it_still_arrives() -> None:
    app, packed = IngestApp(), gzip.compress(b" " * 1_000_000)

    with pytest.raises(Unacceptable, match="ended too early"):
        read(app, piece(packed[:-8], more=True), {"type": "http.disconnect"}, encoding=b"gzip")

    assert app._admission.bytes >= 1_000_000


def test_many_empty_members_are_not_unpacked_one_by_one() -> None:
    with pytest.raises(Unacceptable, match="consists of more than 1000 members"):
        read(IngestApp(), piece(gzip.compress(b"") * 2000), encoding=b"gzip")


@pytest.mark.django_db(transaction=True)
def test_a_group_that_fails_unexpectedly_does_not_end_the_writer(live_address: str) -> None:
    ada, headers = make_customer(), {"Authorization": f"Bearer {make_key()[1]}"}

    def strike() -> None:
        raise ValueError("unforeseen")

    with httpx.Client(base_url=live_address, headers=headers, timeout=10) as client:
        client.post(PATH, content=body(event("warm", ada)))
        with striking("ingest: copied", strike):
            failed = client.post(PATH, content=body(event("a", ada)))
        again = client.post(PATH, content=body(event("a", ada)))

    assert (failed.status_code, failed.json()["code"]) == (503, "UNAVAILABLE")
    assert (again.status_code, again.json()["ingested_count"]) == (200, 1)
    assert sorted(Event.objects.values_list("event_id", flat=True)) == ["a", "warm"]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_finishes_what_a_group_gave_back() -> None:
    written = []

    async def live() -> None:
        app = IngestApp()
        await app.start()

        async def finish() -> None:
            await asyncio.sleep(0.05)
            await app._in_thread(lambda connection: written.append(connection.closed))

        app._finishing.add(task := asyncio.create_task(finish()))
        task.add_done_callback(app._finishing.discard)
        await app.end()

    asyncio.run(live())

    assert written == [False]


@pytest.mark.django_db(transaction=True)
def test_a_key_that_cannot_be_looked_up_is_no_error_of_the_server(live_address: str) -> None:
    headers = {"Authorization": f"Bearer {make_key()[1]}"}

    with connection.cursor() as cursor, transaction.atomic(), ThreadPoolExecutor(1) as pool:
        cursor.execute("LOCK TABLE access_apikey IN ACCESS EXCLUSIVE MODE")
        answer = pool.submit(httpx.post, live_address + PATH, content=b"{}", headers=headers, timeout=20)
        while not answer.done() and not terminated(cursor):
            time.sleep(0.05)

    assert (answer.result().status_code, answer.result().json()["code"]) == (503, "UNAVAILABLE")
    assert answer.result().headers["Retry-After"] == "1"


def terminated(cursor: Any) -> bool:
    """End the session that waits for a lock, once there is one."""
    cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees what the first look at activity saw
    cursor.execute("SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_does_not_answer_is_never_asked_by_ingest(live_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    for place in ("kombu.connection.Connection._establish_connection", "redis.connection.ConnectionPool.get_connection"):
        monkeypatch.setattr(place, lambda *args, **options: asked.append(args) or time.sleep(30))
    ada, headers = make_customer(), {"Authorization": f"Bearer {make_key()[1]}"}

    with httpx.Client(base_url=live_address, headers=headers, timeout=10) as client:
        answers = [client.post(PATH, content=body(*[event(f"{size}-{n}", ada) for n in range(size)])) for size in (1, 1, 400)]
        refused = client.post(PATH, content=b"{")

    assert [answer.status_code for answer in [*answers, refused]] == [200, 200, 200, 422]
    assert asked == []
