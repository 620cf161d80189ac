"""One table of contract cases for every way in: the raw coroutine in a real server, and the view."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.test import Client

from access import keys
from core import database, expiring
from events import delivery
from events.models import DeliveryHour, DeliveryRefusal, Event, RefusedRequest
from events.tests.hostile_bodies import ARCHIVED, CUSTOMER, HOSTILE, HOSTILE_TRANSPORT, LIMIT
from events.tests.sending import body, event, make_customer, make_key
from tests import live

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/v1/events/ingest"
Post = Callable[..., httpx.Response]


@pytest.fixture
def secret() -> str:
    return make_key()[1]


@pytest.fixture
def ada() -> Any:
    return make_customer()


@pytest.fixture
def by_coroutine(live_address: str) -> Any:
    with httpx.Client(base_url=live_address, timeout=30) as client:
        yield lambda content, **headers: client.post(PATH, content=content, headers=headers)


def by_view(content: bytes, **headers: str) -> httpx.Response:
    response = Client(raise_request_exception=False).generic(
        "POST", PATH, content, content_type="application/json", headers=headers
    )
    return httpx.Response(response.status_code, content=response.content, headers=dict(response.headers))


@pytest.fixture(params=["coroutine", "view"])
def post(request: Any, secret: str) -> Post:
    way = request.getfixturevalue("by_coroutine") if request.param == "coroutine" else by_view

    def send(content: bytes, **headers: str) -> httpx.Response:
        return way(content, **({"Authorization": f"Bearer {secret}"} | headers))

    return send


def stored() -> list[str]:
    return list(Event.objects.order_by("arrival").values_list("event_id", flat=True))


def test_every_hostile_body_gets_its_status_and_codes(post):
    make_customer(external_id=CUSTOMER)
    make_customer(external_id=ARCHIVED, archived_at=datetime.now(UTC))

    for hostile in HOSTILE:
        answer = post(hostile.body)
        found = answer.json()
        assert (hostile.name, answer.status_code, found["code"]) == (hostile.name, hostile.status, hostile.code)
        assert tuple(problem["code"] for problem in found["errors"]) == hostile.codes
        assert found["error_count"] == len(hostile.codes)
        assert found["message"]

    assert stored() == []
    assert RefusedRequest.objects.count() == len({(h.body, h.codes) for h in HOSTILE})


def test_good_events_are_stored_and_counted(post, ada):
    answers = [post(body(event("a", ada), event("b", ada))) for _ in range(2)]

    assert [(a.status_code, a.json()) for a in answers] == [
        (200, {"ingested_count": 2, "duplicate_count": 0, "conflicts": []}),
        (200, {"ingested_count": 0, "duplicate_count": 2, "conflicts": []}),
    ]
    assert stored() == ["a", "b"]


def test_a_conflict_is_named(post, ada):
    post(body(event("a", ada)))

    answer = post(body(event("b", ada), event("a", ada, event_name="other"))).json()

    assert (answer["ingested_count"], answer["duplicate_count"]) == (1, 0)
    [conflict] = answer["conflicts"]
    assert (conflict["index"], conflict["event_id"], conflict["code"]) == (1, "a", "EVENT_ID_CONFLICT")


def test_small_and_large_bodies_give_the_same_answers(post, ada):
    post(body(event("warm", ada)))

    for name, count in (("one", 1), ("some", 20), ("all", 1000)):
        answer = post(body(*[event(f"{name}-{n}", ada, metadata={"n": n, "text": "é\t"}) for n in range(count)]))
        assert (answer.status_code, answer.json()["ingested_count"]) == (200, count)

    assert len(stored()) == 1022


def test_at_most_a_hundred_problems_are_listed_with_the_full_count(post, ada):
    answer = post(body(*[event(f"e{n}", ada, metadata={"k": None}) for n in range(250)])).json()

    assert (len(answer["errors"]), answer["error_count"]) == (100, 250)


def test_a_key_that_is_forgotten_as_soon_as_it_was_read_is_still_a_key(post, ada, monkeypatch):
    monkeypatch.setattr(
        expiring, "LIFETIME_SECONDS", 0
    )  # as where another key is revoked at that moment, or the answer took too long

    assert post(body(event("a", ada))).status_code == 200


@pytest.mark.parametrize(
    "prefer",
    ["handling=lenient", 'wait=5, Handling = "lenient"; n=1', "handling\t=\tlenient", "handling=lenient, handling=strict"],
)
def test_lenient_handling_is_applied_when_preferred(post, ada, prefer):
    answer = post(body(event("a", ada), event("b", "nobody")), Prefer=prefer)

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "handling=lenient")
    assert (answer.json()["ingested_count"], answer.json()["errors"][0]["code"]) == (1, "CUSTOMER_NOT_FOUND")
    assert stored() == ["a"]


def test_of_two_kinds_of_handling_the_first_is_preferred(post, ada):
    assert post(body(event("a", ada), event("b", "nobody")), Prefer="handling=strict, handling=lenient").status_code == 400


def test_a_header_in_several_lines_says_what_it_says_in_one(by_coroutine, live_address, secret, ada):
    lines = [("Authorization", f"Bearer {secret}"), ("Prefer", "handling=lenient"), ("Prefer", "respond-async")]
    packed = [("Authorization", f"Bearer {secret}"), ("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")]

    lenient = httpx.post(live_address + PATH, content=body(event("a", ada), event("b", "nobody")), headers=lines)
    twice = httpx.post(live_address + PATH, content=gzip.compress(body(event("c", ada))), headers=packed)

    assert (lenient.status_code, lenient.headers["Preference-Applied"]) == (200, "handling=lenient")
    assert (twice.status_code, twice.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:])),
        ("deflate", zlib.compress),
        ("deflate", lambda content: zlib.compress(content)[2:-4]),
    ],
)
def test_packed_bodies_are_read(post, ada, encoding, pack):
    answer = post(pack(body(event("a", ada))), **{"Content-Encoding": encoding})

    assert (answer.status_code, stored()) == (200, ["a"])


def test_every_hostile_size_and_packing_gets_its_status_and_code(post):
    make_customer(external_id=CUSTOMER)

    for hostile in HOSTILE_TRANSPORT:
        answer = post(hostile.body, **({"Content-Encoding": hostile.encoding} if hostile.encoding else {}))
        found = answer.json()
        assert (hostile.name, answer.status_code, found["code"]) == (hostile.name, hostile.status, hostile.code)
        assert found["message"]

    assert stored() == []


def test_a_good_event_in_the_largest_body_is_stored(post, ada):
    content = body(event("a", ada, unknown=""))
    largest = content.replace(b'"unknown": ""', b'"unknown": "%s"' % (b"x" * (LIMIT - len(content))))

    answer = post(largest)

    assert (len(largest), answer.status_code, stored()) == (LIMIT, 200, ["a"])


@pytest.mark.parametrize("packed", [False, True])
def test_the_size_limit_holds_for_what_a_body_unpacks_to(post, ada, settings, packed):
    settings.MAX_BODY_BYTES = 10_000
    fitting = body(event("a", ada, unknown="x" * 9_700))
    beyond = body(event("b", ada, unknown="x" * 10_000))

    headers = {"Content-Encoding": "gzip"} if packed else {}
    answers = [post(gzip.compress(content) if packed else content, **headers) for content in (fitting, beyond)]

    assert [a.status_code for a in answers] == [200, 413]
    assert answers[1].json()["code"] == "BODY_TOO_LARGE"
    assert stored() == ["a"]


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer tb_wrong", "Bearer a b", "tb_wrong"])
def test_without_a_valid_key_nothing_is_read_or_kept(post, ada, header):
    answer = post(body(event("a", ada)), Authorization=header)

    assert (answer.status_code, answer.json()["code"], answer.headers["WWW-Authenticate"]) == (401, "UNAUTHORIZED", "Bearer")
    assert (stored(), RefusedRequest.objects.count()) == ([], 0)


def test_a_key_that_may_only_read_is_forbidden(post, ada):
    _, reading = make_key("read")

    answer = post(body(event("a", ada)), Authorization=f"Bearer {reading}")

    assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")
    assert post(body(event("a", ada)), Authorization=f"bearer {make_key('write')[1]}").status_code == 200


def test_a_revoked_key_is_refused_at_once(post, ada):
    key, secret = make_key()
    assert post(body(event("a", ada)), Authorization=f"Bearer {secret}").status_code == 200

    keys.revoke(key=key, now=datetime.now(UTC))

    assert post(body(event("b", ada)), Authorization=f"Bearer {secret}").status_code == 401


def test_a_key_that_is_revoked_while_a_body_arrives_is_refused(by_coroutine, ada):
    key, secret = make_key()

    def arriving() -> Iterator[bytes]:
        yield b'{"events":['
        keys.revoke(key=key, now=datetime.now(UTC))
        yield body(event("a", ada)).removeprefix(b'{"events": [')

    answer = by_coroutine(arriving(), Authorization=f"Bearer {secret}")

    assert (answer.status_code, stored()) == (401, [])


def test_the_view_refuses_a_key_that_is_revoked_while_a_body_arrives(ada):
    key, secret = make_key()

    class Arriving(BytesIO):
        def read(self, *size: int | None) -> bytes:
            if key.revoked_at is None:
                keys.revoke(key=key, now=datetime.now(UTC))
            return super().read(*size)

    content = body(event("a", ada))
    headers = {"Authorization": f"Bearer {secret}"}

    answer = Client().generic("POST", PATH, content, headers=headers, **{"wsgi.input": Arriving(content)})

    assert (answer.status_code, stored()) == (401, [])


def test_one_requests_bad_row_never_costs_its_neighbours(by_coroutine, secret, ada):
    headers = {"Authorization": f"Bearer {secret}"}
    by_coroutine(body(event("taken", ada)), **headers)

    def send(number: int) -> tuple[int, Any]:
        content = body(event("taken", ada, metadata={"n": 1}) if number % 10 == 0 else event(f"e{number}", ada))
        answer = by_coroutine(content, **headers)
        return answer.status_code, answer.json()["ingested_count"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(200)))

    assert answers == [(200, 0 if number % 10 == 0 else 1) for number in range(200)]
    assert sorted(stored()) == sorted(["taken", *[f"e{n}" for n in range(200) if n % 10]])


def test_an_event_whose_id_is_ingest_can_be_had(by_coroutine, live_address, ada):
    headers = {"Authorization": f"Bearer {make_key('write')[1]}"}
    by_coroutine(body(event("ingest", ada)), **headers)

    answer = httpx.get(live_address + PATH, headers=headers)

    assert (answer.status_code, answer.json()["event_id"]) == (200, "ingest")


def test_a_chunked_body_is_read(by_coroutine, secret, ada):
    content = body(*[event(f"e{n}", ada) for n in range(100)])
    pieces = (content[at : at + 1000] for at in range(0, len(content), 1000))

    answer = by_coroutine(pieces, Authorization=f"Bearer {secret}")

    assert (answer.status_code, answer.json()["ingested_count"]) == (200, 100)


def test_more_than_fits_is_answered_with_retry_after(by_coroutine, secret, ada, monkeypatch):
    monkeypatch.setattr(live.ingest._admission, "most_events", 1)
    with ThreadPoolExecutor(32) as pool:
        headers = {"Authorization": f"Bearer {secret}"}
        answers = list(
            pool.map(lambda n: by_coroutine(body(*[event(f"{n}-{m}", ada) for m in range(300)]), **headers), range(64))
        )

    refused = [a for a in answers if a.status_code == 503]
    assert refused
    assert all((a.headers["Retry-After"], a.json()["code"]) == ("1", "TOO_BUSY") for a in refused)
    assert len(stored()) == 300 * (64 - len(refused))
    assert live.ingest._admission.events == live.ingest._admission.bytes == 0


def test_a_key_that_sends_more_than_its_share_is_told_when_to_come_again(post, ada, settings):
    settings.INGEST_EVENTS_PER_SECOND = 20

    answers = [post(body(*[event(f"{turn}-{n}", ada) for n in range(50)])) for turn in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert (answers[1].json()["code"], answers[1].headers["Retry-After"]) == ("RATE_LIMITED", "2")
    assert len(stored()) == 50
    assert not RefusedRequest.objects.exists()
    delivery.write(database.of_django())
    assert list(DeliveryRefusal.objects.values_list("code", "refused_count")) == [("RATE_LIMITED", 1)]


def test_a_view_writes_its_figures_itself(secret, ada):
    by_view(body(event("a", ada)), Authorization=f"Bearer {secret}")
    by_view(b"x", Authorization=f"Bearer {secret}")

    assert list(DeliveryHour.objects.values_list("accepted_count", flat=True)) == [1]
    assert list(DeliveryRefusal.objects.values_list("code", flat=True)) == ["INVALID_JSON"]


def test_requests_that_were_not_read_are_counted_by_their_code(post, settings):
    settings.MAX_BODY_BYTES = 100

    assert post(b"x" * 101).status_code == 413
    assert post(b"x", **{"Content-Encoding": "br"}).status_code == 415

    delivery.write(database.of_django())
    assert sorted(DeliveryRefusal.objects.values_list("code", "refused_count")) == [
        ("BODY_TOO_LARGE", 1),
        ("UNSUPPORTED_MEDIA_TYPE", 1),
    ]
