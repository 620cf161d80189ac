"""Showing what credit is left before any invoice says so."""

from decimal import Decimal

import pytest

from core.periods import Interval
from credits import entering, grants
from credits.idempotency import IdempotencyKeyReused
from invoices import live_credit
from invoices.tests import story
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    customer = making.customer()
    calls = making.meter("call")
    story.begin(customer, making.product(making.per_unit(calls)), "2026-01-01")
    customer.calls = calls
    return customer


def figures(credit, grant):
    periods = [
        (f"{one.period.start:%m-%d}", int(one.entered), int(one.left), one.settled_at is not None)
        for one in credit.of_grant(grant.id).periods
    ]
    draws = [(f"{one.period_starts_at:%m-%d}", one.description, int(one.amount)) for one in credit.of_grant(grant.id).draws]
    return periods, draws


def test_what_the_running_cycle_burned_is_gone_before_its_invoice(acme):
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=acme.calls)
    story.use(acme, "call", "2026-01-10", times=30)

    credit = live_credit.of_customers([acme.id], now=utc("2026-01-20"))

    assert figures(credit, grant) == ([("01-01", 100, 70, False)], [("01-01", "Call", 30)])
    assert (credit.left(grant.id, at=utc("2026-01-20")), credit.entered(grant.id, at=utc("2026-01-20"))) == (70, 100)
    story.bill("2026-02-02")
    issued = live_credit.of_customers([acme.id], now=utc("2026-02-02"))
    assert figures(issued, grant) == ([("01-01", 70, 70, False)], [])


def test_a_period_that_nobody_made_yet_counts_from_its_first_instant(acme):
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=acme.calls, renews=True, renewal=Interval("Month", 1))
    story.use(acme, "call", "2026-01-10", times=30)
    story.use(acme, "call", "2026-02-02", times=5)

    credit = live_credit.of_customers([acme.id], now=utc("2026-02-03"))

    assert figures(credit, grant) == (
        [("01-01", 100, 70, False), ("02-01", 100, 95, False)],
        [("01-01", "Call", 30), ("02-01", "Call", 5)],
    )
    assert credit.left(grant.id, at=utc("2026-02-03")) == 95


def test_a_top_up_adds_to_the_running_period_once(acme):
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=acme.calls)
    added = {"grant": grant, "reason": "Sorry", "actor": ACTOR, "now": utc("2026-01-05"), "idempotency_key": "k"}

    first = entering.top_up(amount=Decimal(20), **added)

    assert entering.top_up(amount=Decimal(20), **added) == first
    with pytest.raises(IdempotencyKeyReused):
        entering.top_up(amount=Decimal(21), **added)
    assert live_credit.of_customers([acme.id], now=utc("2026-01-20")).left(grant.id, at=utc("2026-01-20")) == 120


def test_what_is_void_or_over_cannot_be_topped_up(acme):
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=acme.calls, expires_at=utc("2026-02-01"))

    with pytest.raises(entering.GrantNotUsable, match="has ended"):
        entering.top_up(grant=grant, amount=Decimal(1), reason="", actor=ACTOR, now=utc("2026-02-01"))
    with pytest.raises(grants.GrantInvalid, match="above 0"):
        entering.top_up(grant=grant, amount=Decimal(0), reason="", actor=ACTOR, now=utc("2026-01-20"))
