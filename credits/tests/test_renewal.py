"""Giving renewing grants their periods, and closing and opening them again."""

import pytest

from core.periods import FOREVER, Interval
from credits import renewal
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
