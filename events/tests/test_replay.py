"""Refused events are sent in again once their cause is mended, and are counted once however often that is done."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection, transaction

from access.actors import Actor
from access.models import ApiKey
from core import database
from customers.models import Customer
from events import delivery, dismiss, prune, refusals, replay
from events.bodies import EventsUnreadable
from events.dismiss import dismiss_events, dismiss_request
from events.ingest import ingest
from events.models import DeliveryHour, DeliveryRefusal, Event, RefusedRequest, RejectedEvent
from events.replay import BodyGone
from events.tests.sending import NOW, body, event, hours_ago, make_customer, refuse

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=60)
ANN = Actor("user", "usr_ann")


def again(request: RefusedRequest, *indexes: int, with_rest: bool = False) -> list[tuple[int, str, str, tuple[str, ...]]]:
    accepted: Counter[delivery.Place] = Counter()
    replayed = replay.replay(request_id=request.pk, indexes=indexes, with_rest=with_rest, accepted=accepted, actor=ANN, now=LATER)
    delivery.add_accepted(accepted, connection=database.of_django())
    return [(one.index, one.event_id, one.outcome.value, tuple(one.codes)) for one in replayed]


def late_customer(reference: str) -> Customer:
    return make_customer(external_id=reference)


def test_a_mended_event_is_ingested_with_its_first_receipt_and_who_did_it_is_kept(key: ApiKey) -> None:
    sent = event("a", "acme"), event("b", "acme", timestamp=hours_ago(24 * 34))
    request = refuse(key, *sent)
    assert refuse(key, *sent, at=NOW + timedelta(hours=1)).seen_count == 2
    late_customer("acme")

    assert again(request, 0, 1) == [(0, "a", "ingested", ()), (1, "b", "ingested", ())]

    a, b = Event.objects.order_by("arrival")
    assert (a.timestamp, a.timestamp_given, a.received_at, b.received_at) == (NOW, False, NOW, NOW)
    assert RefusedRequest.objects.get().status == "replayed"
    row = RejectedEvent.objects.get(event_id="a")
    assert (row.status, row.resolved_by, row.resolved_at) == ("replayed", "user:usr_ann", LATER)
    assert (row.replay_outcome, row.replay_code, row.replayed_by) == ("ingested", "", "user:usr_ann")
    assert list(DeliveryHour.objects.values_list("hour", "accepted_count", "latest_success_at")) == [(NOW, 2, None)]


def test_a_second_replay_adds_nothing(key: ApiKey) -> None:
    request = refuse(key, event("a", "acme"))
    late_customer("acme")
    again(request, 0)

    assert again(request, 0) == [(0, "a", "duplicate", ())]

    assert Event.objects.count() == 1
    assert RefusedRequest.objects.count() == 1
    assert DeliveryHour.objects.get().accepted_count == 1


def test_what_is_refused_again_stays_open_with_its_new_code(key: ApiKey) -> None:
    request = refuse(key, event("a", "acme"), event("b", "nobody"), event("old", "acme", timestamp=hours_ago(24 * 36)))
    archived = late_customer("acme")
    Customer.objects.filter(pk=archived.pk).update(archived_at=NOW)

    assert again(request, 0, 1, 2) == [
        (0, "a", "refused", ("CUSTOMER_ARCHIVED",)),
        (1, "b", "refused", ("CUSTOMER_NOT_FOUND",)),
        (2, "old", "refused", ("TIMESTAMP_TOO_OLD", "CUSTOMER_ARCHIVED")),
    ]

    rows = RejectedEvent.objects.order_by("index").values_list("status", "replay_outcome", "replay_code", "resolved_by")
    assert list(rows[:1]) == [("open", "refused", "CUSTOMER_ARCHIVED", "")]
    assert (RefusedRequest.objects.get().status, Event.objects.count()) == ("open", 0)
    assert sum(DeliveryRefusal.objects.values_list("refused_count", flat=True)) == 3


def test_an_id_that_was_taken_meanwhile_is_a_conflict_or_a_duplicate(key: ApiKey) -> None:
    request = refuse(key, event("a", "acme", metadata={"n": 1}), event("b", "acme"))
    late_customer("acme")
    ingest(body=body(event("a", "acme", metadata={"n": 2}), event("b", "acme")), key_id=key.id, received_at=LATER)

    assert again(request, 0, 1) == [(0, "a", "conflict", ()), (1, "b", "duplicate", ())]


def test_the_good_rest_of_a_refused_request_is_replayed_alone(key: ApiKey) -> None:
    ada = make_customer()
    request = refuse(key, event("good", ada), event("bad", ada, metadata={"k": None}), event("fine", ada))
    assert request.good_count == 2

    assert again(request, with_rest=True) == [(0, "good", "ingested", ()), (2, "fine", "ingested", ())]

    request.refresh_from_db()
    assert (request.status, request.resolved_by) == ("replayed", "user:usr_ann")
    assert RejectedEvent.objects.get().status == "open"
    assert dict(DeliveryRefusal.objects.values_list("code", "refused_count")) == {"NULL_VALUE": 1, "REFUSED_WITH_OTHERS": 2}


def test_of_a_lenient_request_there_is_no_good_rest(key: ApiKey) -> None:
    ada = make_customer()

    request = refuse(key, event("good", ada), event("bad", ada, metadata={"k": None}), lenient=True)

    assert request.good_count == 0
    assert again(request, with_rest=True) == [(0, "good", "duplicate", ())]


def test_a_request_of_too_many_events_is_replayed_in_parts(key: ApiKey) -> None:
    ada = make_customer()
    request = refuse(key, *[event(f"e{number}", ada) for number in range(1001)])

    replayed = again(request, with_rest=True)

    assert (request.code, len(replayed), {outcome for _, _, outcome, _ in replayed}) == ("TOO_MANY_EVENTS", 1001, {"ingested"})
    assert Event.objects.count() == 1001


def test_a_key_that_stands_twice_is_refused_again_for_the_very_text_is_sent(key: ApiKey) -> None:
    ada = make_customer()
    raw = f'{{"events":[{{"event_id":"a","customer_id":"{ada.public_id}","event_name":"n","metadata":{{"k":1,"k":2}}}}]}}'
    request = refuse(key, raw=raw.encode())

    assert again(request, 0) == [(0, "a", "refused", ("DUPLICATE_KEY",))]


def test_a_body_that_cannot_be_read_is_not_replayed(key: ApiKey) -> None:
    with pytest.raises(EventsUnreadable):
        again(refuse(key, raw=b"{"), with_rest=True)


def test_bodies_are_pruned_by_age_and_by_size_the_oldest_first(key: ApiKey) -> None:
    old, large, new = (refuse(key, event(name, "nobody", metadata={"k": name * 300})) for name in "oln")
    RefusedRequest.objects.filter(pk=old.pk).update(latest_received_at=NOW - timedelta(days=91))
    RefusedRequest.objects.filter(pk=large.pk).update(latest_received_at=NOW - timedelta(days=1))

    pruned = prune.prune(max_age=timedelta(days=90), most_bytes=len(new.body), now=NOW)

    assert pruned == 2
    kept = RefusedRequest.objects.order_by("id").values_list("code", "pruned_at", "body_size")
    assert [pruned_at for _, pruned_at, _ in kept] == [NOW, NOW, None]
    assert RejectedEvent.objects.count() == 3
    assert DeliveryRefusal.objects.get().refused_count == 3
    with pytest.raises(BodyGone, match="Only the sender"):
        again(old, 0)
    assert prune.prune(max_age=timedelta(days=90), most_bytes=10**9, now=NOW) == 0


def test_the_keys_of_what_was_refused_with_others_count_towards_the_size(key: ApiKey) -> None:
    ada = make_customer()
    kept = len(refuse(key, event("bad", "nobody"), event("good", ada), event("fine", ada)).body)

    pruned = [prune.prune(max_age=timedelta(days=90), most_bytes=kept + keys, now=NOW) for keys in (32, 31)]

    assert pruned == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_an_old_body_that_comes_again_while_bodies_are_pruned_stays(key: ApiKey) -> None:
    refuse(key, event("a", "acme"))

    def prune_beside() -> int:
        with closing(connection):
            return prune.prune(max_age=timedelta(days=30), most_bytes=10**9, now=LATER)

    with ThreadPoolExecutor(1) as beside:
        with transaction.atomic():
            RefusedRequest.objects.update(latest_received_at=LATER)
            pruned = beside.submit(prune_beside)
            wait([pruned], timeout=0.5)

        assert pruned.result(10) == 0
    assert RefusedRequest.objects.get().body is not None


def test_a_pruned_body_that_comes_again_is_kept_again(key: ApiKey) -> None:
    sent = [event("a", "nobody"), event("good", make_customer())]
    refuse(key, *sent)
    known = [len(refusals.with_others("good", most=9))]
    prune.prune(max_age=timedelta(), most_bytes=0, now=NOW)
    known.append(len(refusals.with_others("good", most=9)))

    request = refuse(key, *sent)

    assert (request.seen_count, request.pruned_at, bool(request.body)) == (2, None, True)
    assert [*known, len(refusals.with_others("good", most=9)), refusals.with_others("a", most=9)] == [1, 0, 1, []]


def test_many_are_dismissed_some_at_a_time(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dismiss, "STEP", 2)
    refuse(key, event("a", "acme"), event("b", "acme"), event("c", "acme"))

    assert dismiss_events(rows=RejectedEvent.objects.all(), actor=ANN, now=LATER) == 3

    assert RefusedRequest.objects.get().status == "dismissed"
    assert dismiss_events(rows=RejectedEvent.objects.all(), actor=ANN, now=LATER) == 0


def test_the_dismissed_rest_of_a_request_is_not_replayed(key: ApiKey) -> None:
    request = refuse(key, event("good", make_customer()), event("bad", "nobody"))
    dismiss_request(request=request, actor=ANN, now=LATER)

    assert again(request, with_rest=True) == []


def test_a_request_is_dismissed_with_all_its_open_events(key: ApiKey) -> None:
    request = refuse(key, event("a", "acme"), event("b", "acme"))

    assert dismiss_request(request=request, actor=ANN, now=LATER) == 2

    request.refresh_from_db()
    assert (request.status, request.resolved_by) == ("dismissed", "user:usr_ann")
    assert set(RejectedEvent.objects.values_list("status", "resolved_by")) == {("dismissed", "user:usr_ann")}
