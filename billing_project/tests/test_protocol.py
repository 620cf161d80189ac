"""uvicorn's protocol with the short way answers as without it, however a request arrives."""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from billing_project.asgi import ingest
from customers.models import Customer
from events.models import Event
from events.tests.sending import body, event, make_customer, make_key
from tests import live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    with live.server() as address:
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as opened:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield opened


def request(secret: str, content: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST /api/v1/events/ingest HTTP/{version}", "Host: localhost", f"Authorization: Bearer {secret}", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


def answers(connection: socket.socket, pieces: Sequence[bytes]) -> list[tuple[int, Any]]:
    """Send the pieces one by one, ask the server to close after the last, and read what it answered: status and body of each."""
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(0.002)
    received = b""
    while more := connection.recv(65_536):
        received += more
    read = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        read.append((int(head[9:12]), json.loads(received[:length])))
        received = received[length:]
    return read


def stream(ada: Customer, secret: str) -> bytes:
    """Requests of every kind in one stream; the last asks for the end of the connection."""
    sent = [
        request(secret, body(event("warm", ada))),
        request(secret, body(event("a", ada))),
        request(secret, body(event("b", ada)), "Prefer: handling=lenient"),
        request(secret, body(event("a", ada))),
        request(secret, b"{"),
        request(secret, body(*[event(f"many-{n}", ada) for n in range(300)])),
        request("wrong", body(event("c", ada))),
        request(secret, body(event("d", ada))),
        request(secret, body(event("e", ada)), "Connection: close"),
    ]
    return b"".join(sent)


@pytest.mark.parametrize("size", [600, 40_000, 1_000_000])
def test_requests_are_answered_in_order_however_they_are_cut(connection: socket.socket, size: int) -> None:
    sent = stream(make_customer(), make_key()[1])

    read = answers(connection, [sent[at : at + size] for at in range(0, len(sent), size)])

    assert [(status, told.get("code") or told["ingested_count"]) for status, told in read] == [
        (200, 1), (200, 1), (200, 1), (200, 0), (422, "INVALID_JSON"), (200, 300), (401, "UNAUTHORIZED"), (200, 1), (200, 1),
    ]  # fmt: skip
    assert read[3][1] == {"ingested_count": 0, "duplicate_count": 1, "conflicts": []}
    assert Event.objects.count() == 305
    assert (ingest._admission.events, ingest._admission.bytes) == (0, 0)


def test_the_short_way_is_taken_and_ends_with_the_connection(connection: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, secret = make_customer(), make_key()[1]
    taken: list[bool] = []
    take = ingest.take

    def spied(*args: Any) -> bool:
        taken.append(take(*args))
        return taken[-1]

    monkeypatch.setattr(ingest, "take", spied)
    sent = [request(secret, body(event(f"e{number}", ada)), version="1.1" if number < 3 else "1.0") for number in range(4)]

    read = answers(connection, [b"".join(sent)])

    assert [status for status, _ in read] == [200, 200, 200, 200]
    assert taken[0] is False  # nothing is known yet; the others wait behind it for their turn
