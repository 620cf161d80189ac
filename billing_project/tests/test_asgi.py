"""One process serves pages and ingest; nobody can hold its threads up."""

import asyncio
from typing import Any

import psycopg
import pytest
from django.db import connections

from billing_project import asgi, overload
from core.database import Impatient, parameters

LOGIN = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "path": "/login",
    "raw_path": b"/login",
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"9")],
}


@pytest.mark.django_db(transaction=True)
def test_a_body_that_never_comes_does_not_hold_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "BODY_SECONDS", 0.1)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        async with asyncio.timeout(10):
            await asgi.application(dict(LOGIN), never, send)

    asyncio.run(ask())

    assert sent[0]["status"] in {400, 403}


@pytest.mark.django_db(transaction=True)
def test_connections_that_ended_with_the_server_are_not_handed_out_nor_tried_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = connections["default"]
    database.close()
    database.close_pool()
    options = database.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "pool", options["pool"] | {"connection_class": Impatient, "timeout": 5})
    pool = database.pool
    try:
        pool.open()
        idle = [pool.getconn() for _ in range(6)]
        for one in idle:
            pool.putconn(one)
        end_sessions([one.info.backend_pid for one in idle])

        with database.cursor() as cursor:
            cursor.execute("SELECT 1")

            assert cursor.fetchone() == (1,)
    finally:
        database.close()
        database.close_pool()


def end_sessions(pids: list[int]) -> None:
    with psycopg.connect(**parameters(application="tests"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [pids])
