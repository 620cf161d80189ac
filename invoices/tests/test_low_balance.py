"""Noticing grants that run low, once for each crossing."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.periods import Interval
from credits import entering, grants
from credits.models import LowBalance
from invoices import low_balance
from invoices.tests import story
from products.tests import making
from products.tests.making import ACTOR, utc
from webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    customer = making.customer()
    customer.calls = making.meter("call")
    story.begin(customer, making.product(making.per_unit(customer.calls)), "2026-01-01")
    return customer


@pytest.fixture
def endpoint():
    return WebhookEndpoint.objects.create(url="https://example.com", created_at=making.NEW_YEAR, updated_at=making.NEW_YEAR)


def watched(customer, **fields):
    return story.give(customer, Decimal(100), "2026-01-01", meter=customer.calls, low_balance_threshold=Decimal(20), **fields)


def crossings():
    return [
        (f"{one.crossed_at:%m-%d}", one.recovered_at and f"{one.recovered_at:%m-%d}") for one in LowBalance.objects.order_by("id")
    ]


def told(event_type):
    return [one.payload["data"] for one in WebhookMessage.objects.filter(event_type=event_type).order_by("id")]


def test_a_crossing_is_told_once_until_the_balance_rises_again(acme, endpoint):
    grant = watched(acme)
    story.use(acme, "call", "2026-01-10", times=79)
    assert low_balance.check(now=utc("2026-01-11")) == 0
    story.use(acme, "call", "2026-01-12")

    assert [low_balance.check(now=utc("2026-01-13")) for _ in range(2)] == [1, 0]
    entering.top_up(grant=grant, amount=Decimal(1), reason="", actor=ACTOR, now=utc("2026-01-14"))
    assert low_balance.check(now=utc("2026-01-14")) == 0
    story.use(acme, "call", "2026-01-15")
    assert low_balance.check(now=utc("2026-01-16"), customer_ids=[acme.id]) == 1

    assert crossings() == [("01-13", "01-14"), ("01-16", None)]
    assert [(one["credit_grant_id"], one["balance"], one["low_balance_threshold"]) for one in told("credit.balance_low")] == [
        (grant.public_id, "20", "20"),
        (grant.public_id, "20", "20"),
    ]


def test_issuing_what_was_low_tells_nothing_and_the_next_period_is_not_low(acme):
    watched(acme, renews=True, renewal=Interval("Month", 1))
    story.use(acme, "call", "2026-01-10", times=90)
    low_balance.check(now=utc("2026-01-31"))

    assert low_balance.check(now=utc("2026-02-01")) == 0
    story.bill("2026-02-02")
    assert low_balance.check(now=utc("2026-02-02")) == 0

    assert crossings() == [("01-31", "02-01")]


@pytest.mark.parametrize("void", [True, False])
def test_what_is_void_or_watched_no_more_is_low_no_more(acme, void):
    grant = watched(acme)
    story.use(acme, "call", "2026-01-10", times=90)
    low_balance.check(now=utc("2026-01-11"))

    if void:
        grants.void(grant=grant, reason="mistake", actor=ACTOR, now=utc("2026-01-12"))
    else:
        grants.set_threshold(grant=grant, threshold=None)

    assert low_balance.check(now=utc("2026-01-12")) == 0
    assert crossings() == [("01-11", "01-12")]


def test_grants_without_a_threshold_cost_one_query(acme, django_assert_num_queries):
    story.give(acme, Decimal(100), "2026-01-01", meter=acme.calls)

    with django_assert_num_queries(1):
        low_balance.check(now=utc("2026-01-11"))


def test_after_a_week_without_beat_nothing_is_missed_or_done_twice(acme, endpoint):
    grant = watched(acme, renews=True, renewal=Interval("Day", 1), rollover="capped", rollover_cap=Decimal(30))
    story.use(acme, "call", "2026-01-02T12:00", times=40)
    story.bill("2026-01-03")

    for _ in range(2):
        story.bill("2026-02-02")

    entries = story.ledger(grant)
    starts = [start for start, kind, _amount in entries if kind == "granted"]
    assert starts == sorted(set(starts))
    assert starts[0] == "2026-01-01"
    assert starts[-1] == "2026-02-01"
    assert len(starts) == 32
    january = [entry for entry in entries if entry[0] in ("2026-01-01", "2026-01-02", "2026-01-03")]
    assert january == [
        ("2026-01-01", "granted", "100"),
        ("2026-01-01", "rolled_out", "-30"),
        ("2026-01-01", "expired", "-70"),
        ("2026-01-02", "granted", "100"),
        ("2026-01-02", "burned", "-40"),
        ("2026-01-02", "rolled_in", "30"),
        ("2026-01-02", "rolled_out", "-30"),
        ("2026-01-02", "expired", "-60"),
        ("2026-01-03", "granted", "100"),
        ("2026-01-03", "rolled_in", "30"),
        ("2026-01-03", "rolled_out", "-30"),
        ("2026-01-03", "expired", "-100"),
    ]
    expired = [entry for entry in entries if entry[1] == "expired"]
    assert [one["amount"] for one in told("credit.expired")] == [amount.removeprefix("-") for _start, _kind, amount in expired]


def test_two_workers_that_see_the_same_crossing_tell_it_once(acme, endpoint):
    grant = watched(acme)

    # Both found it low before either waited for its lock.
    assert [low_balance._cross(grant.id, Decimal(3), utc("2026-01-10")) for _worker in range(2)] == [True, False]

    assert (crossings(), len(told("credit.balance_low"))) == ([("01-10", None)], 1)


def test_many_watched_customers_cost_the_same_statements_as_few(acme):
    def statements():
        with CaptureQueriesContext(connection) as found:
            low_balance.check(now=utc("2026-01-10"))
        return len(found)

    watched(acme)
    one = statements()
    for name in ("b", "c", "d"):
        other = making.customer(name)
        other.calls = acme.calls
        story.begin(other, making.product(making.per_unit(acme.calls), name=name), "2026-01-01")
        watched(other)

    assert statements() == one
