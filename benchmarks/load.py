"""Send requests over many connections as fast as they are answered, with little enough work that the server is what is measured."""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop


@dataclass
class Load:
    """What was answered. Latencies in seconds, of answers with status 200."""

    seconds: float
    answered: int
    refused: int
    latencies: list[float] = field(repr=False)
    total: int  # answers with status 200, those of warming up too

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds that `share` of the answers stayed under."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, next_request: Callable[[], bytes], state: "_State") -> None:
        self._next = next_request
        self._state = state
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, received: bytes) -> None:
        self._received += received
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        head = head.lower()
        at = head.find(b"content-length:")
        if at >= 0 and len(body) < int(head[at + 15 :].split(b"\r\n", 1)[0]):
            return
        if at < 0 and b"chunked" in head and not body.endswith(b"0\r\n\r\n"):
            return
        now = time.perf_counter()
        self._state.note(ok=head[9:12] == b"200", latency=now - self._sent_at, now=now, text=self._received)
        self._received = b""
        self._send()

    def _send(self) -> None:
        if self._state.ended:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._next())


class _State:
    def __init__(self) -> None:
        self.counting_from = float("inf")
        self.ended = False
        self.answered = self.refused = self.total = 0
        self.latencies: list[float] = []
        self.sample = b""

    def note(self, *, ok: bool, latency: float, now: float, text: bytes) -> None:
        self.total += ok
        if now < self.counting_from or self.ended:
            return
        if ok:
            self.answered += 1
            self.latencies.append(latency)
        else:
            self.refused += 1
            self.sample = text


def run(port: int, next_request: Callable[[], bytes], *, connections: int, seconds: float, warm_up: float = 1.0) -> Load:
    """Keep `connections` busy for `seconds` after warming up. next_request: the bytes of one whole HTTP request."""

    async def drive() -> Load:
        state = _State()
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            await loop.create_connection(lambda: _Connection(next_request, state), "127.0.0.1", port)
        await asyncio.sleep(warm_up)
        began = state.counting_from = time.perf_counter()
        await asyncio.sleep(seconds)
        state.ended = True
        took = time.perf_counter() - began
        await asyncio.sleep(0.5)
        if state.refused:
            sys.stderr.write(f"refused {state.refused}, for example {state.sample[:300]!r}\n")
        return Load(took, state.answered, state.refused, state.latencies, state.total)

    return uvloop.run(drive())


def request(path: str, body: bytes, *, secret: str = "") -> bytes:
    """Return the bytes of one POST, or of a GET when there is no body."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json", f"Authorization: Bearer {secret}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
