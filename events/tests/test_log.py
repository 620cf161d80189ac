from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from psycopg import sql

from events import log
from events.log import Cursor, Filters
from events.models import Event, EventVoid
from events.tests.sending import NOW, event, make_customer, send
from tests.plans import plan

pytestmark = pytest.mark.django_db


def at(minutes):
    return (NOW - timedelta(minutes=minutes)).isoformat()


def walk(filters, size, **options):
    """Read all pages and return the ids in order."""
    ids, cursor = [], None
    while part := log.page(filters=filters, size=size, cursor=cursor, **options):
        ids += [e.event_id for e in part]
        cursor = Cursor.parse(str(part[-1].cursor))
    return ids


def test_an_event_is_shown_whole(key, ada):
    send(key, event("a", ada, metadata={"n": 0.1}))

    [shown] = log.page(filters=Filters(), size=10)

    assert (shown.event_id, shown.customer, shown.event_name, shown.timestamp) == ("a", ada.public_id, "api.call", NOW)
    assert (shown.metadata, shown.timestamp_given, shown.is_void) == ({"n": Decimal("0.1")}, False, False)
    assert log.find("a") == shown
    assert log.find("b") is None


def test_newest_first_then_in_order_of_arrival(key, ada):
    send(key, *[event(f"t{n}", ada, timestamp=at(n // 3), event_name=f"name{n % 2}") for n in range(9)])

    for size in (1, 2, 4, 100):
        assert walk(Filters(), size) == walk(Filters(customer_id=ada.id), size) == [f"t{n}" for n in range(9)]
    assert [e.event_id for e in log.page(filters=Filters(), size=2, offset=5)] == ["t5", "t6"]


def test_a_page_is_whole_however_unevenly_its_names_share_it(key, ada):
    """Of many names and of few, of one that fills the page, of ties at its end, and of names with a single event."""
    busy = [event(f"b{n}", ada, timestamp=at(2 * n), event_name="busy") for n in range(12)]
    rare = [event(f"r{n}", ada, timestamp=at(8 * n), event_name=f"rare{n}") for n in range(6)]
    tied = [event(f"s{n}", ada, timestamp=at(24), event_name=f"rare{n % 2}") for n in range(4)]
    send(key, *busy, *rare, *tied)
    rows = Event.objects.order_by("-timestamp", "arrival").values_list("event_id", flat=True)

    for size in (1, 2, 3, 5, 7, 11, 22, 50):
        assert walk(Filters(), size) == walk(Filters(customer_id=ada.id), size) == list(rows), size


def test_filters_by_customer_name_time_and_any_condition(key, ada):
    bob = make_customer("Bob")
    send(
        key,
        event("a", ada, timestamp=at(3)),
        event("b", bob, timestamp=at(2), metadata={"k": "x"}),
        event("c", bob, event_name="o"),
    )

    assert walk(Filters(customer_id=bob.id), 1) == ["c", "b"]
    assert walk(Filters(event_name="api.call"), 1) == ["b", "a"]
    assert walk(Filters(event_name="unknown"), 1) == []
    assert walk(Filters(customer_id=bob.id, event_name="o"), 1) == ["c"]
    assert walk(Filters(start=NOW - timedelta(minutes=3), end=NOW - timedelta(minutes=2)), 1) == ["a"]
    condition = sql.SQL("metadata ->> 'k' = {}").format(sql.Placeholder("wanted"))
    assert walk(Filters(where=condition, parameters={"wanted": "x"}), 1) == ["b"]


def test_a_voided_event_says_so(key, ada):
    send(key, event("a", ada))
    who = {"actor_kind": "system", "actor_id": "t"}
    EventVoid.objects.create(event=Event.objects.get(), ordinal=1, is_void=True, reason="r", created_at=NOW, **who)

    assert log.find("a").is_void


@pytest.mark.django_db(transaction=True)
def test_pages_of_one_moment_leave_out_what_arrives_meanwhile(key, ada):
    send(key, event("a", ada, timestamp=at(5)), event("b", ada, timestamp=at(3)))
    moment = log.now()
    send(key, event("between", ada, timestamp=at(4)))

    assert walk(Filters(), 1, moment=moment) == ["b", "a"]
    assert walk(Filters(), 1) == ["b", "between", "a"]


def test_a_page_reads_an_index_and_not_the_table(key, ada):
    send(key, *[event(f"e{n}", ada, timestamp=at(n), event_name=f"name{n % 3}") for n in range(900)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_event")

    for filters in (Filters(), Filters(customer_id=ada.id), Filters(event_name="name1")):
        explained = plan(
            lambda filters=filters: log.page(filters=filters, size=10, cursor=Cursor(NOW - timedelta(minutes=400), 0))
        )
        assert "event_by_" in explained
        assert "Seq Scan on events_event " not in explained


def test_of_many_names_only_those_of_a_page_are_read_and_none_is_missed(key, ada):
    names = [f"name{n}" for n in range(7)]
    send(key, *[event(f"e{n:02}", ada, timestamp=at(n // 3), event_name=names[n * n % 7]) for n in range(40)])
    seen, cursor = [], None

    while page := log.page(filters=Filters(), size=3, cursor=cursor):
        seen += [one.event_id for one in page]
        cursor = page[-1].cursor

    assert seen == [row.event_id for row in Event.objects.order_by("-timestamp", "arrival")]
