"""One process serves pages and ingest; nobody can hold its threads up."""

import asyncio
from typing import Any

import pytest

from billing_project import asgi

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
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.1)
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
