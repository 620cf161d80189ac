"""How the periods of a grant stand."""

from decimal import Decimal

import pytest

from core.money import plain
from core.periods import Interval
from credits import grants
from invoices import credit_periods
from invoices.tests.story import give
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


def standing(grant, now):
    return [
        (
            f"{one.starts_at:%m-%d}",
            one.ends_at and f"{one.ends_at:%m-%d}",
            plain(one.given),
            plain(one.left),
            one.has_ended(at=now),
        )
        for one in credit_periods.of_grant(grant, now=now)
    ]


def test_a_period_that_nothing_has_needed_yet_is_there_from_its_first_instant():
    grant = give(making.customer(), Decimal(500), "2026-01-15", renews=True, renewal=Interval("Month", 1))

    assert standing(grant, utc("2026-02-15")) == [
        ("01-15", "02-15", "500", "500", True),
        ("02-15", "03-15", "500", "500", False),
    ]


def test_a_void_ends_a_period_early_and_one_without_an_end_has_none():
    customer = making.customer()
    grant, other = give(customer, Decimal(500), "2026-01-01"), give(customer, Decimal(7), "2026-01-01")
    grants.void(grant=grant, reason="By mistake", actor=ACTOR, now=utc("2026-01-05"))

    assert [row[1:] for row in standing(grant, utc("2026-01-05"))] == [("01-05", "500", "500", True)]
    assert [row[1:] for row in standing(other, utc("2026-01-05"))] == [(None, "7", "7", False)]
