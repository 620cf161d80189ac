"""A message arrives signed, whatever the endpoint does is an outcome, and nothing inside the network is reached."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks import sending
from webhooks.sending import Parcel, send

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"invoice.paid","data":{"total":1}}'


@contextmanager
def endpoint(*answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Listen once on a loopback port, keep what comes and answer piece by piece."""
    received: list[bytes] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.settimeout(5)
                got = b""
                while BODY.encode() not in got:
                    got += connection.recv(65_536)
                received.append(got)
                with suppress(OSError):  # the sender may have hung up
                    for piece in answer:
                        connection.sendall(piece)
                        time.sleep(0.1 if len(answer) > 1 else 0)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://localhost:{listener.getsockname()[1]}/hook?a=1", received
        thread.join(timeout=5)


def parcel(url: str, **more: Any) -> Parcel:
    return Parcel(
        **{
            "delivery_id": 1,
            "attempt": 1,
            "url": url,
            "secret": SECRET,
            "headers": {},
            "message_id": "msg_1",
            "body": BODY,
            **more,
        }
    )


def test_a_message_arrives_whole_and_its_signature_proves_it() -> None:
    now = datetime.now(UTC)
    with endpoint(b"HTTP/1.1 204 No Content\r\n\r\n") as (url, received):
        outcome = send(parcel(url, headers={"X-Team": "billing"}), now=now, private_addresses=True)

    assert (outcome.status, outcome.is_delivered, outcome.error) == (204, True, "")
    head, _blank, body = received[0].partition(b"\r\n\r\n")
    request, *lines = head.decode().split("\r\n")
    headers = {name.lower(): text for name, _colon, text in (line.partition(": ") for line in lines)}
    assert request == "POST /hook?a=1 HTTP/1.1"
    assert headers["host"] == url.split("/")[2]
    assert headers["x-team"] == "billing"
    assert Webhook(SECRET).verify(body.decode(), headers) == {"type": "invoice.paid", "data": {"total": 1}}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.decode().replace("1", "2"), headers)


def test_what_an_endpoint_answers_is_kept_in_part_and_a_redirect_is_not_followed() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: 90\r\n\r\n" + b"x\0" * 4000
    with endpoint(answer) as (url, _received):
        outcome = send(parcel(url), now=datetime.now(UTC), private_addresses=True)

    assert (outcome.status, outcome.is_delivered, outcome.retry_after) == (302, False, 90)
    assert len(outcome.excerpt) <= sending.EXCERPT_BYTES
    assert "\0" not in outcome.excerpt


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost:9/",
        "http://[::1]:9/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://[ff02::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[64:ff9b:1::1]/",
        "http://[::ffff:0:7f00:1]/",
        "http://[2001:0:7f00:1::1]/",
        "http://[fec0::1]/",
        "http://192.0.0.192/",
        "http://168.63.129.16/",
    ],
)
def test_addresses_inside_the_network_are_not_reached(url: str) -> None:
    outcome = send(parcel(url), now=datetime.now(UTC), private_addresses=False)

    assert outcome.status is None
    assert outcome.error.startswith("AddressNotAllowed")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::93.184.216.34", "2002:5db8:d822::1"])
def test_addresses_of_the_public_network_are_reached(address: str) -> None:
    assert sending._is_outside(address)


def test_an_endpoint_that_is_not_there_is_an_outcome() -> None:
    outcome = send(parcel("http://127.0.0.1:9/"), now=datetime.now(UTC), private_addresses=True)

    assert (outcome.status, outcome.is_delivered) == (None, False)
    assert outcome.error.startswith("ConnectError")


@pytest.mark.parametrize(
    "drips",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\n"] + [b"X: y\r\n"] * 80, id="headers"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"] + [b"x"] * 80, id="a body"),
        pytest.param([b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 80, id="hints"),
    ],
)
def test_an_answer_that_drips_is_given_up(drips: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ATTEMPT_SECONDS", 0.3)
    began = time.monotonic()
    with endpoint(*drips) as (url, _received):
        outcome = send(parcel(url), now=datetime.now(UTC), private_addresses=True)

    assert outcome.error == "TimeoutError: no whole answer within 0.3 seconds"
    assert time.monotonic() - began < 3


def test_a_parcel_that_cannot_be_packed_is_an_outcome() -> None:
    outcome = send(parcel("http://127.0.0.1:9/", headers={"X-Team": 5}), now=datetime.now(UTC), private_addresses=True)

    assert (outcome.status, outcome.is_delivered) == (None, False)
    assert outcome.error.startswith("TypeError: ")
