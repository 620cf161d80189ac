"""Speak HTTP as uvicorn does, with a short way for what comes most: a small request to ingest that is whole when it arrives.

# Note [The short way]
An ASGI request costs a scope, a task, an event, a time-out and two writes to the socket, which together is more than judging an event
and sharing in its commit. A request to ingest whose body came with its head needs none of them: it is judged at once, and answered
in one write when its group is committed. A request that is not plain (its body is still to come, a header changes its meaning, its key or a
customer has to be looked up, it is to stand in the access log, anything is wrong with it) goes the usual way through the ASGI application,
from its beginning: nothing is said in two places, and under another server or protocol everything goes that way.

Where uvicorn asks for the request that is being answered, which is a RequestResponseCycle there, it finds a _Short here.

Fields behind a chunked body are let go of, whichever way the request goes: uvicorn adds them to those of its head, where one could bring
a key that a proxy before us never saw (RFC 9110, 6.5.1).
"""

import asyncio
import logging

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.v1.ingest_http import Reply
from billing_project.asgi import INGEST_PATH, ingest

UNUSUAL = {b"content-encoding", b"expect", b"prefer", b"upgrade"}  # headers with which a request goes the usual way


class _Short:
    """A request that goes the short way, as far as uvicorn looks at it."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")
    nobody_waits = asyncio.Event()

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = self.nobody_waits


class Protocol(HttpToolsProtocol):
    """One connection."""

    _parts: list[bytes] | None = None  # of the body, while a request may still go the short way
    _head_is_whole = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._parts is not None:  # the rest is still to come
            parts, self._parts = self._parts, None
            if not self.transport.is_closing():
                self._go_the_usual_way(parts)

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._head_is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_is_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_whole = True
        is_first = self.cycle is None or self.cycle.response_complete
        if (
            is_first
            and self.url == INGEST_PATH
            and not self.root_path
            and self.parser.get_method() == b"POST"
            and self._is_plain()
        ):
            self._parts = []
        else:
            self._go_the_usual_way([])

    def on_body(self, body: bytes) -> None:
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None and not self._go_the_short_way(b"".join(parts)):
            self._go_the_usual_way(parts)
            parts = None
        if parts is None:
            super().on_message_complete()

    def _is_plain(self) -> bool:
        return (
            self.limit_concurrency is None
            and not (self.access_log and self.access_logger.isEnabledFor(logging.INFO))
            and not self.flow.write_paused
            and UNUSUAL.isdisjoint([name for name, _ in self.headers])
        )

    def _go_the_usual_way(self, parts: list[bytes]) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def _go_the_short_way(self, body: bytes) -> bool:
        """Have the request answered without a task of its own; False where that cannot be."""
        short = _Short(keep_alive=self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive())
        if not ingest.take(dict(self.headers), body, lambda reply: self._answer(short, reply)):
            return False
        self.cycle = short  # type: ignore[assignment]
        return True

    def _answer(self, short: _Short, reply: Reply) -> None:
        short.response_complete = True
        if self.transport.is_closing():
            return
        lines = [STATUS_LINE[reply.status]]
        for name, text in self.server_state.default_headers:
            lines += (name, b": ", text, b"\r\n")
        for title, content in reply.headers.items():
            lines.append(f"{title.lower()}: {content}\r\n".encode())
        if not short.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(reply.body))
        lines.append(reply.body)
        self.transport.write(b"".join(lines))
        if not short.keep_alive:
            self.transport.close()
        self.on_response_complete()
