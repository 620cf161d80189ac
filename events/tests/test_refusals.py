"""What is refused is kept with its reasons, once, and nothing of it is stored as an event."""

import json
import zlib
from datetime import timedelta

import pytest

from events.ingest import RequestRefused, ingest
from events.models import DeliveryRefusal, Event, RefusedRequest, RejectedEvent
from events.tests.sending import NOW, event, make_customer, send

pytestmark = pytest.mark.django_db


def stored():
    return list(Event.objects.order_by("arrival").values_list("event_id", flat=True))


def test_one_bad_event_fails_the_whole_request_and_it_is_kept(key, ada):
    with pytest.raises(RequestRefused) as refused:
        send(key, event("a", ada), event("b", "cus_nobody"), event("c", ada, metadata={"k": None}))

    assert [(p.index, p.event_id, p.field, p.code) for p in refused.value.problems] == [
        (1, "b", "customer_id", "CUSTOMER_NOT_FOUND"),
        (2, "c", "metadata.k", "NULL_VALUE"),
    ]
    assert (refused.value.status, refused.value.code) == (422, "INVALID_EVENTS")
    assert stored() == []
    [kept] = RefusedRequest.objects.all()
    assert json.loads(zlib.decompress(kept.body))["events"][0]["event_id"] == "a"
    assert (kept.event_count, kept.http_status, kept.code, kept.seen_count) == (3, 422, "INVALID_EVENTS", 1)
    rejected = RejectedEvent.objects.order_by("index").values_list(
        "index", "event_id", "customer_reference", "event_name", "code"
    )
    assert list(rejected) == [
        (1, "b", "cus_nobody", "api.call", "CUSTOMER_NOT_FOUND"),
        (2, "c", ada.public_id, "api.call", "NULL_VALUE"),
    ]


def test_the_same_refused_request_again_only_counts(key, ada):
    for minute in range(3):
        with pytest.raises(RequestRefused):
            send(key, event("b", "cus_nobody"), received_at=NOW + timedelta(minutes=minute))

    [kept] = RefusedRequest.objects.all()
    assert (kept.seen_count, kept.latest_received_at) == (3, NOW + timedelta(minutes=2))
    assert RejectedEvent.objects.count() == 1
    assert list(DeliveryRefusal.objects.values_list("code", "refused_count")) == [("CUSTOMER_NOT_FOUND", 3)]


def test_an_unreadable_body_is_kept_without_events(key):
    with pytest.raises(RequestRefused) as refused:
        ingest(body=b"{\x00", key_id=key.id, received_at=NOW)

    assert (refused.value.status, refused.value.code) == (422, "INVALID_JSON")
    assert RefusedRequest.objects.get().event_count is None
    assert not RejectedEvent.objects.exists()


def test_what_cannot_be_stored_as_text_is_kept_all_the_same(key, ada):
    with pytest.raises(RequestRefused):
        send(key, event("a\x00\ud800", "c\x00", event_name="n\ud800"))

    assert RejectedEvent.objects.get().event_id == "a\N{REPLACEMENT CHARACTER}?"


def test_the_same_event_twice_is_refused_twice(key, ada):
    sent = event("a", "cus_nobody"), event("b", ada), event("a", "cus_nobody")

    result = send(key, *sent, lenient=True)

    assert (result.ingested_count, result.duplicate_count) == (1, 0)
    assert [(p.index, p.event_id, p.code) for p in result.errors] == [
        (0, "a", "CUSTOMER_NOT_FOUND"),
        (2, "a", "CUSTOMER_NOT_FOUND"),
    ]
    assert (RejectedEvent.objects.count(), stored()) == (2, ["b"])


def test_an_archived_customer_is_refused(key):
    gone = make_customer(archived_at=NOW)

    with pytest.raises(RequestRefused) as refused:
        send(key, event("a", gone))

    assert refused.value.code == "CUSTOMER_ARCHIVED"


def test_a_customer_made_after_a_refusal_is_found_at_once(key):
    with pytest.raises(RequestRefused):
        send(key, event("a", "ext-1"))

    make_customer(external_id="ext-1")

    assert send(key, event("a", "ext-1")).ingested_count == 1


def test_lenient_handling_stores_the_good_and_lists_the_bad(key, ada):
    result = send(key, event("a", ada), event("b", "cus_nobody"), event("c", ada), lenient=True)

    assert result.ingested_count == 2
    assert [(p.index, p.code) for p in result.errors] == [(1, "CUSTOMER_NOT_FOUND")]
    assert stored() == ["a", "c"]
    assert RejectedEvent.objects.get().event_id == "b"
