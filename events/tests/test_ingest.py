import threading
import time
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import UUID

import psycopg
import pytest
from django.db import connection as django_connection
from psycopg.errors import UniqueViolation

from access.actors import COMMAND
from core import database, faults
from core.deployment import ClusterChanged
from core.models import Deployment
from customers import directory, register
from events import delivery, names, store
from events.ingest import OutcomeUnknown, RequestRefused, ingest, prepare_from_memory
from events.models import DeliveryHour, Event, EventConflict, EventName, EventVoid
from events.tests.sending import NOW, body, event, hours_ago, make_customer, make_key, send
from events.validation import identity, judge_fast

pytestmark = pytest.mark.django_db


def stored():
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT event_id, metadata::text FROM events_event ORDER BY arrival")
        return cursor.fetchall()


def test_every_column_of_an_event_is_stored(key, ada):
    send(key, event("e/1 é", ada, timestamp="2026-11-21T10:30:00.1234567+01:00", metadata={"s": 'a\t"\\n', "n": 12, "b": True}))

    [row] = Event.objects.values()
    assert row.pop("log_xid") > 0
    assert row.pop("arrival") > 0
    assert row == {
        "key": UUID(identity("e/1 é")),
        "event_id": "e/1 é",
        "customer_id": ada.id,
        "event_name_id": EventName.objects.get(name="api.call").id,
        "timestamp": datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC),
        "timestamp_given": True,
        "received_at": NOW,
        "log_epoch": 1,
        "metadata": {"s": 'a\t"\\n', "n": 12, "b": True},
    }


def test_a_row_is_the_same_by_copy_and_by_insert(key, ada, monkeypatch):
    def stored(event_id):
        send(
            key,
            event(f"{event_id} \\ \t😀", ada, timestamp="2026-11-22T00:00:00.5+20:00", metadata={"é\n": 'a\t"\\', "n": 1e-7}),
            event(f"{event_id} bare", ada),
        )
        columns = "customer_id, event_name_id, timestamp, timestamp_given, received_at, metadata::text"
        with django_connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM events_event WHERE event_id ^@ %s ORDER BY arrival", [event_id])
            return cursor.fetchall()

    copied = stored("copied")
    monkeypatch.setattr(store, "copy", Mock(side_effect=UniqueViolation))

    assert copied == stored("inserted")
    assert copied[0][2:4] == (datetime(2026, 11, 21, 4, 0, 0, 500000, tzinfo=UTC), True)


def test_numbers_reach_the_table_digit_by_digit(key, ada):
    text = b'{"events":[{"event_id":"e","customer_id":"%s","event_name":"n","metadata":{"a":0.10,"b":%d,"c":0.%s}}]}' % (
        ada.public_id.encode(),
        10**30 - 1,
        b"1" * 18,
    )

    ingest(body=text, key_id=key.id, received_at=NOW)

    assert stored() == [("e", '{"a": 0.10, "b": ' + str(10**30 - 1) + ', "c": 0.' + "1" * 18 + "}")]


@pytest.mark.parametrize(
    "event_id", ["a/b", "a\tb", "a\\nb", "a\nb", "\\.", "\\N", "..", "%2F", "é", "😀", " ", "'", "\x7f", "\u2028"]
)
@pytest.mark.parametrize("wary", [False, True])
def test_any_text_survives_both_ways_of_writing(key, ada, event_id, wary):
    if wary:
        store.beware(key.id)

    send(key, event(event_id, ada, event_name=event_id, metadata={event_id: event_id}))

    assert [(e.event_id, e.event_name.name, e.metadata) for e in Event.objects.all()] == [
        (event_id, event_id, {event_id: event_id})
    ]


def test_a_missing_timestamp_is_the_moment_of_receipt(key, ada):
    send(key, event("a", ada), event("b", ada, timestamp=None, metadata=None))

    assert list(Event.objects.values_list("timestamp", "timestamp_given", "metadata")) == [(NOW, False, {}), (NOW, False, {})]


def test_the_same_content_again_is_a_duplicate(key, ada):
    first = send(key, event("a", ada, timestamp=hours_ago(1), metadata={"n": 1}), event("b", ada))

    again = send(key, event("a", ada, timestamp=hours_ago(1), metadata={"n": 1.0}), event("c", ada))

    assert (first.ingested_count, first.duplicate_count) == (2, 0)
    assert (again.ingested_count, again.duplicate_count, again.conflicts) == (1, 1, [])
    assert [event_id for event_id, _ in stored()] == ["a", "b", "c"]


@pytest.mark.parametrize(("first", "later"), [({}, {"timestamp": hours_ago(1)}), ({"timestamp": hours_ago(1)}, {})])
def test_a_retry_with_or_without_a_timestamp_is_a_duplicate(key, ada, first, later):
    send(key, event("a", ada, **first))

    again = send(key, event("a", ada, **later), received_at=NOW + timedelta(minutes=1))

    assert (again.ingested_count, again.duplicate_count, list(again.conflicts)) == (0, 1, [])


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {"n": 2}},
        {"metadata": {"n": "1"}},
        {"metadata": {"n": True}},
        {"event_name": "API.call"},
        {"timestamp": hours_ago(2)},
    ],
)
def test_other_content_is_a_conflict_and_the_first_stands(key, ada, other):
    send(key, event("a", ada, timestamp=hours_ago(1), metadata={"n": 1}))
    before = stored()

    results = [
        send(key, event("x", ada), event("a", ada, **{"timestamp": hours_ago(1), "metadata": {"n": 1}} | other)) for _ in range(2)
    ]

    assert [(r.ingested_count, r.duplicate_count) for r in results] == [(1, 0), (0, 1)]
    assert [(c.index, c.event_id) for c in results[0].conflicts] == [(1, "a")]
    assert stored() == [*before, ("x", "{}")]
    [conflict] = EventConflict.objects.all()
    assert (conflict.seen_count, conflict.status, conflict.api_key) == (2, "open", key)
    assert conflict.content["metadata"] == other.get("metadata", {"n": 1})
    assert conflict.content["customer_id"] == ada.public_id


def test_another_customer_is_a_conflict_and_another_name_of_the_same_is_none(key, ada):
    make_customer("Bob", external_id="bob")
    ada.external_id = "ada"
    ada.save()
    send(key, event("a", ada))

    assert send(key, event("a", "ada")).duplicate_count == 1
    assert len(send(key, event("a", "bob")).conflicts) == 1


def test_one_customer_by_two_names_says_the_same_in_one_request_too(key, ada):
    make_customer("Bob", external_id="bob")
    ada.external_id = "ada"
    ada.save()

    result = send(key, event("a", ada), event("a", "ada"), event("b", ada))

    assert (result.ingested_count, result.duplicate_count) == (2, 1)
    with pytest.raises(RequestRefused) as refused:
        send(key, event("c", ada), event("c", "bob"), event("c", "nobody"))
    assert [(p.index, p.code) for p in refused.value.problems] == [(1, "EVENT_ID_REPEATED"), (2, "CUSTOMER_NOT_FOUND")]


def test_the_answer_tells_what_was_sent_again_of_a_voided_event(key, ada):
    send(key, event("a", ada))
    act = {"event": Event.objects.get(), "reason": "test", "actor_kind": "system", "actor_id": "t", "created_at": NOW}
    EventVoid.objects.create(ordinal=1, is_void=True, **act)

    again, other = send(key, event("a", ada)), send(key, event("a", ada, event_name="other"))
    EventVoid.objects.create(ordinal=2, is_void=False, **act)
    restored = send(key, event("a", ada))

    assert (again.duplicate_count, [v.event_id for v in again.voided]) == (1, ["a"])
    assert ([c.event_id for c in other.conflicts], [v.event_id for v in other.voided]) == (["a"], ["a"])
    assert (restored.duplicate_count, restored.voided) == (1, [])


def test_an_equal_hash_of_another_id_is_refused(key, ada):
    send(key, event("a", ada))
    with django_connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; UPDATE events_event SET event_id = 'z'")

    with pytest.raises(RequestRefused) as refused:
        send(key, event("b", ada), event("a", ada))

    assert refused.value.code == "EVENT_ID_COLLISION"
    assert [event_id for event_id, _ in stored()] == ["z"]


def test_an_external_id_that_moves_to_another_customer_is_followed_at_once(key, ada):
    register.update(customer=ada, fields={"external_id": "ext"}, actor=COMMAND, now=NOW)
    send(key, event("a", "ext"))
    register.update(customer=ada, fields={"external_id": None}, actor=COMMAND, now=NOW)
    bob = make_customer("Bob", external_id="ext")

    send(key, event("b", "ext"))
    register.archive(customer=bob, actor=COMMAND, now=NOW)

    assert list(Event.objects.order_by("arrival").values_list("customer_id", flat=True)) == [ada.id, bob.id]
    with pytest.raises(RequestRefused, match="archived"):
        send(key, event("c", "ext"))


def test_after_a_duplicate_the_next_hundred_requests_avoid_copy(key, ada):
    send(key, event("a", ada))
    send(key, event("a", ada))
    assert store.is_wary(key.id)

    for number in range(store.WARY_REQUESTS - 1):
        send(key, event(f"b{number}", ada))
    assert store.is_wary(key.id)
    send(key, event("last", ada))

    assert not store.is_wary(key.id)
    assert Event.objects.count() == 101


@pytest.mark.parametrize("wary", [False, True])
def test_arrival_tells_the_order_of_the_request(key, ada, wary):
    if wary:
        store.beware(key.id)

    send(key, *[event(f"e{number}", ada) for number in range(50)])

    assert [event_id for event_id, _ in stored()] == [f"e{number}" for number in range(50)]


def test_deliveries_are_counted_by_key_and_hour(key, ada):
    send(key, event("a", ada), event("a", ada), event("b", ada))
    send(key, event("a", ada), event("b", ada, metadata={"k": 1}))

    delivery.write(database.of_django())

    [hour] = DeliveryHour.objects.all()
    assert (hour.hour, hour.accepted_count, hour.duplicate_count, hour.conflict_count) == (NOW, 2, 2, 1)
    key.refresh_from_db()
    assert key.latest_used_at == NOW


def test_memory_prepares_only_what_it_can_vouch_for(key, ada):
    judgement = judge_fast(body(event("a", ada)), received_at=NOW, max_age=timedelta(days=35))
    prepare = {"key_id": key.id, "received_at": NOW}

    assert prepare_from_memory(judgement, **prepare) is None
    send(key, event("x", ada))
    names.known.put("api.call", 1, asked_at=time.monotonic())
    assert prepare_from_memory(judgement, **prepare).customers == {ada.public_id: ada.id}
    directory.known.put(ada.public_id, directory.Entry(ada.id, archived=True), asked_at=time.monotonic())
    assert prepare_from_memory(judgement, **prepare) is None


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Real commits from several connections."""

    def own_connection(self):
        return psycopg.connect(**database.parameters(application="test"), autocommit=True)

    def test_two_requests_with_the_same_events_in_other_orders_both_succeed(self):
        key, ada = make_key()[0], make_customer()
        store.beware(key.id)
        events = [event(f"e{number}", ada) for number in range(300)]
        counts = []

        def run(order):
            with self.own_connection() as own:
                for _ in range(3):
                    result = send(key, *order, connection=own)
                    counts.append((result.ingested_count, result.duplicate_count))

        threads = [threading.Thread(target=run, args=(order,)) for order in (events, events[::-1], events[100:] + events[:100])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(counts) == 9
        assert sum(ingested for ingested, _ in counts) == Event.objects.count() == 300
        assert all(ingested + duplicates == 300 for ingested, duplicates in counts)

    def test_a_connection_that_breaks_at_commit_is_an_unknown_outcome_and_the_retry_is_safe(self):
        key, ada = make_key()[0], make_customer()
        own = self.own_connection()

        with faults.striking("ingest: copied", own.close), pytest.raises(OutcomeUnknown):
            send(key, event("a", ada), connection=own)
        with self.own_connection() as fresh:
            send(key, event("a", ada), connection=fresh)

        assert Event.objects.count() == 1

    def test_after_a_restore_nothing_is_taken_in_until_the_next_epoch_has_begun(self):
        key, ada = make_key()[0], make_customer()
        Deployment.objects.update(system_identifier="another")

        with self.own_connection() as own, pytest.raises(ClusterChanged, match="after_restore"):
            send(key, event("a", ada), connection=own)

        Deployment.objects.all().delete()  # base_rows writes it again

    def test_a_waiting_writer_gives_up_after_the_lock_time_out(self):
        key, ada = make_key()[0], make_customer()
        params = database.parameters(application="test", lock_seconds=1)
        with self.own_connection() as holder, psycopg.connect(**params, autocommit=True) as waiting:
            with holder.transaction():
                send(key, event("a", ada), connection=holder)
                with pytest.raises(OutcomeUnknown):
                    send(key, event("a", ada), connection=waiting)

            assert send(key, event("a", ada), connection=waiting).duplicate_count == 1
