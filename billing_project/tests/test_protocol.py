"""uvicorn's protocol with the short way answers as without it, however a request arrives."""

import json
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import connection as django_connection
from django.db import transaction

from access.models import Scope
from api.v1 import rate
from billing_project import protocol
from billing_project.asgi import ingest
from billing_project.protocol import Protocol
from customers.models import Customer
from events.models import Event
from events.tests.sending import body, event, make_customer, make_key
from tests import live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def address() -> Iterator[str]:
    with live.server() as served:
        yield served


@contextmanager
def opened(address: str) -> Iterator[socket.socket]:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connected


@pytest.fixture
def connection(address: str) -> Iterator[socket.socket]:
    with opened(address) as connected:
        yield connected


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


def answer(connection: socket.socket, sent: bytes) -> tuple[int, Any]:
    """Send one request and read its answer, as the connection stays open."""
    connection.sendall(sent)
    head, _, received = connection.recv(65_536).partition(b"\r\n\r\n")
    return int(head[9:12]), json.loads(received)


def in_pieces(content: bytes, headers: Sequence[str], trailers: Sequence[str]) -> bytes:
    head = "\r\n".join(["POST /api/v1/events/ingest HTTP/1.1", "Host: localhost", *headers, "Transfer-Encoding: chunked", "", ""])
    end = "\r\n".join(["0", *trailers, "", ""])
    return head.encode() + b"%x\r\n%s\r\n" % (len(content), content) + end.encode()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Which requests with a whole body went the short way."""
    told: list[bool] = []
    take = ingest.take

    def spied(*args: Any) -> bool:
        told.append(take(*args))
        return told[-1]

    monkeypatch.setattr(ingest, "take", spied)
    return told


def test_the_short_way_is_taken_and_ends_with_the_connection(connection: socket.socket, taken: list[bool]) -> None:
    ada, secret = make_customer(), make_key()[1]
    sent = [request(secret, body(event(f"e{number}", ada))) for number in range(3)]

    alone = [answer(connection, one)[0] for one in sent]
    last = answers(connection, [request(secret, body(event("e3", ada)), version="1.0")])

    assert (alone, [status for status, _ in last], taken) == ([200, 200, 200], [200], [False, True, True, True])


def test_the_short_way_skips_no_rule(connection: socket.socket, taken: list[bool], settings: Any) -> None:
    ada, secret, reader = make_customer(), make_key()[1], make_key(Scope.READ)[1]
    answer(connection, request(secret, body(event("warm", ada))))
    may_not = [answer(connection, request(reader, body(event("a", ada)))) for _ in range(2)]
    lenient = answer(connection, request(secret, body(event("a", ada)), "prefer: handling=lenient"))
    settings.MAX_BODY_BYTES = 1000
    large = answer(connection, request(secret, body(event("a", ada, unknown="x" * 1000))))
    settings.MAX_BODY_BYTES = 1_000_000
    rate.forget()
    settings.INGEST_EVENTS_PER_SECOND = 1

    many = [answer(connection, request(secret, body(*[event(f"{part}{n}", ada) for n in range(50)]))) for part in "bc"]

    assert [(status, told["code"]) for status, told in may_not] == [(403, "SCOPE_MISSING")] * 2
    assert (lenient[0], lenient[1]["error_count"]) == (200, 0)
    assert (large[0], large[1]["code"]) == (413, "BODY_TOO_LARGE")
    assert (many[0][0], many[1][0], many[1][1]["code"]) == (200, 429, "RATE_LIMITED")
    assert taken == [False, False, False, False, True, False]


def test_a_request_that_is_to_be_logged_goes_the_usual_way(
    connection: socket.socket, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, secret = make_customer(), make_key()[1]
    answer(connection, request(secret, body(event("warm", ada))))
    logged: list[tuple[Any, ...]] = []
    access_logger = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(Protocol, "access_log", property(lambda _self: True), raising=False)
    monkeypatch.setattr(access_logger, "isEnabledFor", lambda level: level >= logging.INFO)
    monkeypatch.setattr(access_logger, "info", lambda _text, *told: logged.append(told[1:]))

    answer(connection, request(secret, body(event("a", ada))))

    assert (logged, taken) == ([("POST", "/api/v1/events/ingest", "1.1", 200)], [False])


def test_what_follows_a_chunked_body_is_no_part_of_the_head(connection: socket.socket, taken: list[bool]) -> None:
    ada, secret = make_customer(), make_key()[1]
    bearer = f"Authorization: Bearer {secret}"
    answer(connection, request(secret, body(event("warm", ada))))

    told = [
        answer(connection, in_pieces(body(event("a", ada)), [bearer], ["Authorization: Bearer wrong"])),
        answer(connection, in_pieces(body(event("b", ada)), [], [bearer])),
        answer(connection, in_pieces(b"{", [bearer], ["Content-Encoding: gzip"])),
    ]

    assert [status for status, _ in told] == [200, 401, 422]
    assert "gzip" not in told[2][1]["message"]
    assert taken == [False, True, False, False]


@pytest.mark.parametrize("size", [40, 1_000_000])
def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one(connection: socket.socket, size: int) -> None:
    ada, secret = make_customer(), make_key()[1]
    asking = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    inner = request(secret, body(event("inner", ada)))
    sent = b"".join(
        [
            request(secret, body(event("a", ada)), *asking),
            request(secret, body(event("b", ada)) + b" " * 9, *asking),
            request(secret, inner, *asking),
            request(secret, body(event("c", ada)), "Connection: Upgrade, close", "Upgrade: websocket"),
        ]
    )

    read = answers(connection, [sent[at : at + size] for at in range(0, len(sent), size)])

    assert [(status, told.get("code")) for status, told in read] == [(200, None), (200, None), (422, "INVALID_JSON"), (200, None)]
    assert sorted(Event.objects.values_list("event_id", flat=True)) == ["a", "b", "c"]


def test_what_is_no_request_is_refused_in_the_shape_of_all_errors(address: str) -> None:
    for sent in (b"nonsense\r\n\r\n", b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n"):
        with opened(address) as connection:
            [(status, told)] = answers(connection, [sent])

        assert (status, told["code"]) == (400, "BAD_REQUEST")


LINE = b"POST /api/v1/events/ingest HTTP/1.1\r\n"
CHUNKS = LINE + b"Host: x\r\nAuthorization: Bearer nobody's\r\nTransfer-Encoding: chunked\r\n\r\n"


ENDLESS = {
    "address": (b"GET /", b"a"),
    "header": (LINE + b"X: ", b"a"),
    "headers": (LINE, b"X: a\r\n"),
    "trailer": (CHUNKS + b"0\r\nX: ", b"a"),
    "trailers": (CHUNKS + b"0\r\n", b"X: a\r\n"),
    "extension": (CHUNKS + b"1;", b"a"),
}


def test_a_head_that_does_not_end_is_refused(address: str) -> None:
    for name, (begun, more) in ENDLESS.items():
        received = b""
        with opened(address) as connection:
            with suppress(ConnectionError):
                connection.sendall(begun + more * (1_000_000 // len(more)))
            with suppress(ConnectionError):
                while part := connection.recv(65_536):
                    received += part

        head, _, told = received.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
        assert (name, head[:3], json.loads(told)["code"]) == (name, b"431", "HEADERS_TOO_LARGE")


def test_a_head_that_does_not_come_is_not_waited_for(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    secret, ada = make_key()[1], make_customer()
    with opened(address) as silent, opened(address) as slow, opened(address) as busy:
        slow.sendall(LINE)
        for number in range(5):
            assert answer(busy, request(secret, body(event(f"e{number}", ada))))[0] == 200
            time.sleep(0.1)

        told = slow.recv(65_536)

        assert (silent.recv(65_536), told[9:12]) == (b"", b"408")
        assert json.loads(told.partition(b"\r\n\r\n")[2])["code"] == "HEAD_TOO_SLOW"


def test_an_answer_that_takes_longer_than_a_head_may_is_waited_for(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    secret, ada = make_key()[1], make_customer()
    with opened(address) as connection:
        with transaction.atomic(), django_connection.cursor() as cursor:
            cursor.execute("LOCK TABLE events_event IN EXCLUSIVE MODE")
            connection.sendall(request(secret, body(event("a", ada))) + LINE)
            time.sleep(0.5)
        received = b""
        while part := connection.recv(65_536):
            received += part

    assert [int(one[:3]) for one in received.split(b"HTTP/1.1 ")[1:]] == [200, 408]


@pytest.mark.parametrize("behind", [b"nonsense\r\n\r\n", LINE + b"X: " + b"a" * 400_000], ids=["no request", "a large head"])
@pytest.mark.parametrize("warm", [True, False])
def test_what_follows_a_request_is_not_refused_in_its_place(connection: socket.socket, behind: bytes, warm: bool) -> None:
    secret, ada = make_key()[1], make_customer()
    if warm:
        answer(connection, request(secret, body(event("warm", ada))))
    with transaction.atomic(), django_connection.cursor() as cursor:
        cursor.execute("LOCK TABLE events_event IN EXCLUSIVE MODE")
        connection.sendall(request(secret, body(event("a", ada))) + behind)
        time.sleep(0.2)
    received = b""
    with suppress(ConnectionError):  # what was not read any more
        while part := connection.recv(65_536):
            received += part

    assert [int(one[:3]) for one in received.split(b"HTTP/1.1 ")[1:]] == [200]


def test_blank_lines_between_requests_do_not_keep_a_connection(
    connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, secret = make_customer(), make_key()[1]
    monkeypatch.setattr(Protocol, "timeout_keep_alive", property(lambda _self: 0.3), raising=False)
    answer(connection, request(secret, body(event("a", ada))))
    assert answer(connection, b"\r\n" + request(secret, body(event("b", ada))))[0] == 200
    connection.settimeout(5)

    connection.sendall(b"\r\n")

    assert connection.recv(65_536) == b""


@pytest.mark.parametrize("failing", ["events.rows.copy_rows", "api.v1.ingest_asgi.note"])
def test_a_fault_of_ours_is_answered_and_leaves_nothing_inside(
    connection: socket.socket, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, secret = make_customer(), make_key()[1]
    answer(connection, request(secret, body(event("warm", ada))))

    with monkeypatch.context() as broken:
        broken.setattr(failing, lambda *_args: 1 // 0)
        status, told = answer(connection, request(secret, body(event("a", ada))))

    assert (status, told["code"]) == (500, "INTERNAL_ERROR")
    assert (ingest._admission.events, ingest._admission.bytes) == (0, 0)
    assert answer(connection, request(secret, body(event("b", ada))))[0] == 200
