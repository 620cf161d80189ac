"""Nobody holds Django's threads, and no more wait for them than may."""

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.urls import URLPattern, URLResolver, get_resolver

from billing_project import overload
from billing_project.overload import AtMost, is_export, sending_in_time


async def nothing() -> Any:
    await asyncio.Event().wait()


def test_more_than_may_wait_are_told_when_to_come_again() -> None:
    sent: list[Any] = []
    served: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        go_on = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            served.append(scope)
            await go_on.wait()

        front = AtMost(slow, most=2)
        inside = [asyncio.create_task(front({}, nothing, send)) for _ in range(2)]
        await asyncio.sleep(0)
        await front({}, nothing, send)
        go_on.set()
        await asyncio.gather(*inside)
        await front({}, nothing, send)

    asyncio.run(run())

    assert len(served) == 3
    assert (sent[0]["status"], (b"retry-after", b"1") in sent[0]["headers"]) == (503, True)
    assert b"TOO_BUSY" in sent[1]["body"]


def test_a_reader_who_takes_nothing_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "READ_SECONDS", 0.05)
    tried: list[Any] = []

    async def stuck(message: Any) -> None:
        tried.append(message)
        await nothing()

    async def run() -> None:
        send = sending_in_time(stuck)
        async with asyncio.timeout(5):
            for number in range(100):
                await send({"body": number})

    asyncio.run(run())

    assert tried == [{"body": 0}]


def views(patterns: Any, before: str = "/") -> Iterator[tuple[str, Any]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from views(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            yield route, getattr(one.callback, "view_class", getattr(one.callback, "cls", one.callback))


def streams(view: Any) -> bool:
    answering = getattr(view, "get", None) if inspect.isclass(view) else inspect.unwrap(view)
    answer = str(getattr(answering, "__annotations__", {}).get("return", ""))
    return StreamingHttpResponse.__name__ in answer


def test_every_view_that_streams_has_the_threads_of_exports() -> None:
    streaming = {route for route, view in views(get_resolver().url_patterns) if streams(view)}

    assert {"/api/v1/invoices/export", "/invoices/export"} <= streaming
    assert {route for route in streaming if not is_export(route.encode())} == set()
    assert not is_export(b"/api/v1/events/export/explain")
