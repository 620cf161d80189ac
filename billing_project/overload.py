"""Bound what waits for Django's threads, and let nobody who sends or reads slowly keep one.

Exports stream for as long as their reader takes, so they have a few threads of their own: pages never wait for them.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from api.v1 import ingest_http
from events.writers import TooBusy

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 60
READ_SECONDS = 30  # to take one piece of an answer
_EXPORT = re.compile(
    rb"/export/?$|\.(csv|xlsx)$|^/jobs/[^/]+/files/|/exports/[^/]+/file/?$|/lines/[^/]+/events/?$|/pdf/?$|/invoices/payments/"
)


def is_export(raw_path: bytes) -> bool:
    """Tell whether an address answers with a stream; a test holds this against the views."""
    return _EXPORT.search(raw_path) is not None


class AtMost:
    """Let so many requests at once into an application, and tell the others when to come again."""

    def __init__(self, application: Application, *, most: int) -> None:
        self.application = application
        self.most = most
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.inside >= self.most:
            reply = ingest_http.refused(TooBusy())
            headers = [(name.lower().encode(), text.encode()) for name, text in reply.headers.items()]
            headers.append((b"content-type", b"application/json"))
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.body})
            return
        self.inside += 1
        try:
            await self.application(scope, receiving_in_time(receive), sending_in_time(send))
        finally:
            self.inside -= 1


def receiving_in_time(receive: Receive) -> Receive:
    """Take a body that is not there BODY_SECONDS after its request for broken off: who sends slowly would keep a thread for ever."""
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receive_in_time() -> Message:
        try:
            async with asyncio.timeout_at(deadline):
                return await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}

    return receive_in_time


def sending_in_time(send: Send) -> Send:
    """Take a reader who leaves a piece of the answer for READ_SECONDS for gone; the rest of the answer is dropped as fast as it is made."""
    gone = False

    async def send_in_time(message: Message) -> None:
        nonlocal gone
        if gone:
            return
        try:
            async with asyncio.timeout(READ_SECONDS):
                await send(message)
        except TimeoutError:
            gone = True

    return send_in_time
