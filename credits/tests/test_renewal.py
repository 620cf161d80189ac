"""Giving renewing grants their periods, and closing and opening them again."""

from decimal import Decimal

import pytest

from core.periods import FOREVER, Interval, Period
from credits import grants, renewal
from credits.tests.test_grants import give, periods
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


def settle(customer, now):
    return renewal.settle(
        customer_ids=[customer.id], billed_until=lambda ids: dict.fromkeys(ids, FOREVER), actor=ACTOR, now=utc(now)
    )


def test_periods_that_are_closed_together_roll_over_one_into_the_next():
    customer = making.customer()
    grant = give(customer, now="2026-03-15", renews=True, renewal=Interval("Month", 1), rollover="all")

    assert settle(customer, "2026-03-15") == 2

    assert [entries for _start, _end, entries in periods(grant)] == [
        [("granted", 500), ("rolled_out", -500)],
        [("granted", 500), ("rolled_in", 500), ("rolled_out", -1000)],
        [("granted", 500), ("rolled_in", 1000)],
    ]


def test_a_voided_grant_without_an_end_is_opened_again_with_what_was_written_off():
    customer = making.customer()
    grant = give(customer)
    grants.void(grant=grant, reason="mistake", actor=ACTOR, now=utc("2026-02-10"))
    settle(customer, "2026-03-01")
    january = Period(utc("2026-01-01"), utc("2026-02-01"))

    renewal.reopen(customer_id=customer.id, within=january, cause="inv_1", actor=ACTOR, now=utc("2026-03-02"))

    assert periods(grant)[0][2] == [("granted", 500), ("voided", -500), ("returned", 500)]
    assert grant.periods.get().settled_at is None
    assert settle(customer, "2026-03-03") == 1
    assert sum(Decimal(entry[1]) for entry in periods(grant)[0][2]) == 0
