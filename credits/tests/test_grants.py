"""Giving credit by hand, and taking it back."""

from decimal import Decimal

import pytest

from core.periods import Interval
from credits import grants
from credits.grants import GrantInput
from credits.models import CreditGrant
from products import subscribe
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


def give(customer, now="2026-01-01", **fields):
    given = {"kind": "money", "amount": Decimal(500), "currency": "USD", "effective_at": utc("2026-01-01"), **fields}
    return grants.create(customer=customer, grant=GrantInput(**given), actor=ACTOR, now=utc(now))


def periods(grant):
    return [
        (period.starts_at, period.ends_at, [(entry.kind, entry.amount) for entry in period.entries.order_by("id")])
        for period in grant.periods.order_by("starts_at")
    ]


def test_a_grant_has_one_period_of_its_own_time():
    grant = give(making.customer(), expires_at=utc("2026-06-01"))

    assert periods(grant) == [(utc("2026-01-01"), utc("2026-06-01"), [("granted", Decimal(500))])]
    assert grant.created_by == "system:test"


def test_a_renewing_grant_has_a_period_for_each_interval_that_began():
    grant = give(making.customer(), now="2026-03-15", renews=True, renewal=Interval("Month", 1), expires_at=utc("2026-03-20"))

    granted = [("granted", Decimal(500))]
    assert periods(grant) == [
        (utc("2026-01-01"), utc("2026-02-01"), granted),
        (utc("2026-02-01"), utc("2026-03-01"), granted),
        (utc("2026-03-01"), utc("2026-03-20"), granted),
    ]


def test_a_beginning_so_far_back_that_it_must_be_a_slip_is_refused():
    daily = {"renews": True, "renewal": Interval("Day", 1), "now": "2026-03-15"}

    grant = give(making.customer(), effective_at=utc("2023-06-19"), expires_at=utc("2023-06-21"), **daily)
    with pytest.raises(grants.TooManyRenewals, match="it would have renewed 1001 times; 1000 is the most"):
        give(making.customer(), effective_at=utc("2023-06-18"), **daily)
    with pytest.raises(grants.TooManyRenewals, match="739689 times"):
        give(making.customer(), effective_at=utc("0001-01-01"), **daily)

    assert len(periods(grant)) == 2


def test_a_grant_that_follows_a_subscription_has_its_cycles():
    customer = making.customer()
    subscription = subscribe.create(
        customer=customer, product=making.product(), start_at=utc("2026-01-31"), actor=ACTOR, now=utc("2026-01-31")
    )

    grant = give(customer, now="2026-03-15", renews=True, subscription=subscription, effective_at=utc("2026-02-10"))

    assert [period[:2] for period in periods(grant)] == [
        (utc("2026-02-10"), utc("2026-02-28")),
        (utc("2026-02-28"), utc("2026-03-31")),
    ]


def test_a_voided_grant_is_voided_once():
    grant = give(making.customer())

    voided = grants.void(grant=grant, reason="mistake", actor=ACTOR, now=utc("2026-02-01"))

    assert (voided.voided_at, voided.void_reason) == (utc("2026-02-01"), "mistake")
    with pytest.raises(grants.GrantAlreadyVoided):
        grants.void(grant=grant, reason="again", actor=ACTOR, now=utc("2026-02-02"))


def test_the_same_cause_never_gives_twice():
    customer = making.customer()
    given = GrantInput(kind="money", amount=Decimal(1), currency="USD", effective_at=utc("2026-01-01"))
    grants.create(customer=customer, grant=given, actor=ACTOR, now=utc("2026-01-01"), cause="once")

    with pytest.raises(grants.CauseUsed):
        grants.create(customer=customer, grant=given, actor=ACTOR, now=utc("2026-01-01"), cause="once")

    assert CreditGrant.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"kind": "shells"}, "kind", "kind is units or money"),
        ({"kind": "units"}, "meter_id", "Units need a meter_id"),
        ({"currency": None}, "currency", "Money needs a currency"),
        ({"amount": Decimal(0)}, "amount", "above 0"),
        ({"amount": Decimal("0.5")}, "amount", "whole number of minor units"),
        ({"applies_to": "tax"}, "applies_to", "usage or invoice"),
        ({"expires_at": utc("2026-01-01")}, "expires_at", "after effective_at"),
        ({"renews": True}, "renews", "either a subscription_id or renewal_interval"),
        ({"renewal": Interval("Month", 1)}, "renewal_interval", "Only a grant that renews"),
        ({"rollover": "capped"}, "rollover_cap", "Exactly a capped rollover"),
    ],
)
def test_a_grant_that_contradicts_itself_is_refused(fields, field, message):
    with pytest.raises(grants.GrantInvalid, match=message) as refusal:
        give(making.customer(), **fields)

    assert refusal.value.field == field


def test_units_have_a_meter_and_at_most_18_decimals():
    meter = making.meter()
    units = {"kind": "units", "currency": None, "meter": meter}

    assert give(making.customer(), amount=Decimal("1E-18"), **units).amount == Decimal("1E-18")
    assert give(making.customer(), amount=Decimal("9" * 30), **units).amount == Decimal("9" * 30)
    with pytest.raises(grants.GrantInvalid):
        give(making.customer(), amount=Decimal("1E-19"), **units)
    with pytest.raises(grants.GrantInvalid):
        give(making.customer(), amount=Decimal("1E30"), **units)


def test_a_grant_follows_a_subscription_of_its_own_customer():
    other = subscribe.create(
        customer=making.customer(), product=making.product(), start_at=utc("2026-01-31"), actor=ACTOR, now=utc("2026-01-31")
    )

    with pytest.raises(grants.GrantInvalid, match="belongs to another customer"):
        give(making.customer(), renews=True, subscription=other)
