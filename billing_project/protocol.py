"""Speak HTTP as uvicorn does, with a short way for what comes most: a small request to ingest that is whole when it arrives.

# Note [The short way]
An ASGI request costs a scope, a task, an event, a time-out and two writes to the socket, which together is more than judging an event
and sharing in its commit. A request to ingest whose body came with its head needs none of them: it is judged at once, and answered
in one write when its group is committed. A request that is not plain (its body is still to come, a header changes its meaning, its key or a
customer has to be looked up, it is to stand in the access log, anything is wrong with it) goes the usual way through the ASGI application,
from its beginning: nothing is said in two places, and under another server or protocol everything goes that way.

Where uvicorn asks for the request that is being answered, which is a RequestResponseCycle there, it finds a _Short here.

A request may ask for another protocol, as Java's client asks each server for HTTP/2; none is spoken here, and it is read as though it had
not asked (RFC 9110, 7.8). The parser by itself leaves its body unread, and takes what comes next on the connection for a request.

Fields behind a chunked body are let go of, whichever way the request goes: uvicorn adds them to those of its head, where one could bring
a key that a proxy before us never saw (RFC 9110, 6.5.1).

# Note [Heads]
The parser gathers a line until it ends and bounds nothing: one connection without any key could take all memory, and all time, for each
piece is copied with those before it. So what a head holds is counted, and so is what comes without the parser saying anything.
"""

import asyncio
import logging

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.v1 import ingest_http
from api.v1.ingest_http import Reply, Unacceptable
from billing_project.asgi import INGEST_PATH, ingest

MOST_HEAD_BYTES = 65_536  # of a request's line and headers, and of what stands behind a chunked body
HEAD_SECONDS = 60
UNUSUAL = {b"content-encoding", b"expect", b"prefer"}  # headers with which a request goes the usual way


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
    _is_begun = False  # a request, and not at its end
    _head_is_whole = False
    _asks_for_another = False  # protocol
    _head_bytes = 0
    _silent_bytes = 0  # since the parser last had something to say
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_begun:  # blank lines before a request are none: who sends nothing else is not waited for any longer
            self._unset_keepalive_if_required()
        self._silent_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self.logger.warning("No HTTP request: %s", error)
            self.send_400_response(str(error))
            return
        if self._silent_bytes > MOST_HEAD_BYTES or self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, "HEADERS_TOO_LARGE", f"The head of this request is larger than {MOST_HEAD_BYTES} bytes. Send less.")
            return
        if self._head_is_whole:
            self._end_patience()
        else:
            self._be_patient()
        if self._parts is not None:  # the rest is still to come
            parts, self._parts = self._parts, None
            if not self.transport.is_closing():
                self._go_the_usual_way(parts)

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as asked:
                data = self._head_that_asks_for_nothing() + data[asked.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's

    def _head_that_asks_for_nothing(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise httptools.HttpParserError("No connection to elsewhere is made here.")
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % (name, text) for name, text in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _be_patient(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self._lose_patience)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self.cycle is not None and not self.cycle.response_complete:  # an earlier request is still being answered
            self._be_patient()
        elif self.headers is None:  # nothing was said
            self.transport.close()
        elif not self.transport.is_closing():
            self._refuse(
                408, "HEAD_TOO_SLOW", f"The head of the request was not whole after {HEAD_SECONDS} seconds. Send it again."
            )

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "BAD_REQUEST", f"This is no HTTP request that can be read. {msg}")

    def _refuse(self, status: int, code: str, sentence: str) -> None:
        """Answer what is no request, and end the connection; while an earlier request is being answered, with that answer.

        Whoever sent that one would take this for its answer, and events that were stored for refused.
        """
        is_of_the_next = not (self._is_begun and self._head_is_whole)
        if is_of_the_next and self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self._write(ingest_http.refused(Unacceptable(status, code, sentence)), keep_alive=False)

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        self._is_begun = True
        self._silent_bytes = self._head_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._head_is_whole = self._asks_for_another = False

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._silent_bytes = 0
        self._head_bytes += len(name) + len(value) + 4  # a colon, a blank, an end of line
        if not self._head_is_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_whole = True
        self._silent_bytes = 0
        self._asks_for_another = self.parser.should_upgrade()
        if self._asks_for_another:
            return  # it is read again
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
        self._silent_bytes = 0
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        self._is_begun = False
        self._silent_bytes = 0
        if self._asks_for_another:
            return
        parts, self._parts = self._parts, None
        if parts is not None and not self._go_the_short_way(b"".join(parts)):
            self._go_the_usual_way(parts)
            parts = None
        if parts is None:
            super().on_message_complete()

    def _is_plain(self) -> bool:
        names = {name for name, _ in self.headers}
        return (
            self.limit_concurrency is None
            and not (self.access_log and self.access_logger.isEnabledFor(logging.INFO))
            and not self.flow.write_paused
            and len(names) == len(self.headers)
            and UNUSUAL.isdisjoint(names)
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
        self._write(reply, keep_alive=short.keep_alive)
        self.on_response_complete()

    def _write(self, reply: Reply, *, keep_alive: bool) -> None:
        lines = [STATUS_LINE[reply.status]]
        for name, text in self.server_state.default_headers:
            lines += (name, b": ", text, b"\r\n")
        for title, content in reply.headers.items():
            lines.append(f"{title.lower()}: {content}\r\n".encode())
        if not keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(reply.body))
        lines.append(reply.body)
        self.transport.write(b"".join(lines))
        if not keep_alive:
            self.transport.close()
