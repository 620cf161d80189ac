"""What products grant their subscribers, cycle after cycle, over changes of price and product."""

from decimal import Decimal

import pytest
from django.db.models import Sum

from core.money import CurrencyMismatch
from core.periods import FOREVER, Period
from credits import grants, product_credits, renewal, withdrawal
from credits.models import CreditGrant, GrantPeriod
from credits.product_credits import ProductCreditInput
from products import cancel, change, rebill, subscribe
from products.cancel import Cancellation
from products.change import When
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    return making.meter("call")


def units(meter, amount, **more):
    return ProductCreditInput("units", Decimal(amount), meter=meter, **more)


def sold(*credits, fee=100, **more):
    return product_credits.create_product(
        name="Plan", tax_category="saas", price=making.price(fee=fee, **more), credits=credits, actor=ACTOR, now=making.NEW_YEAR
    )


def begin(product, start="2026-01-01"):
    return subscribe.create(customer=making.customer(), product=product, start_at=utc(start), actor=ACTOR, now=utc(start))


def held(subscription, until):
    """Make what is due until then; give each grant's periods as (first day, last day, what was given, what is left)."""
    renewal.make_periods(customer_ids=[subscription.customer_id], until=utc(until), actor=ACTOR, now=utc(until))
    return [
        [
            (f"{one.starts_at:%m-%d}", f"{one.ends_at:%m-%d}", *(int(entry.amount) for entry in one.entries.order_by("id")))
            for one in grant.periods.order_by("starts_at")
        ]
        for grant in CreditGrant.objects.filter(subscription=subscription, voided_at=None).order_by("id")
    ]


def test_each_subscriber_gets_them_anew_every_cycle(calls):
    promo = ProductCreditInput("money", Decimal(500), currency="USD", rollover="capped", rollover_cap=Decimal(50), priority=1)
    subscription = begin(sold(units(calls, 1000), promo))

    assert held(subscription, "2026-02-02") == [
        [("01-01", "02-01", 1000), ("02-01", "03-01", 1000)],
        [("01-01", "02-01", 500), ("02-01", "03-01", 500)],
    ]
    assert held(subscription, "2026-02-02") == held(subscription, "2026-02-03")
    grant = CreditGrant.objects.get(kind="money")
    assert (grant.priority, grant.rollover, grant.rollover_cap, grant.renews) == (1, "capped", 50, True)


def test_a_trial_grants_nothing(calls):
    subscription = begin(sold(units(calls, 10), trial_period_days=14))

    assert held(subscription, "2026-01-10") == []
    assert held(subscription, "2026-01-16") == [[("01-15", "02-15", 10)]]


def test_cycles_that_were_billed_elsewhere_grant_nothing(calls):
    product = sold(units(calls, 10, rollover="all"))
    times = {"start_at": utc("2026-01-01"), "bill_from": utc("2026-04-01"), "now": utc("2026-04-15")}

    subscription = subscribe.create(customer=making.customer(), product=product, actor=ACTOR, **times)

    # The first invoice is that of 1 April, with the usage of March.
    assert held(subscription, "2026-04-15") == [[("03-01", "04-01", 10), ("04-01", "05-01", 10)]]


def test_new_credits_come_with_the_next_cycle_and_equal_ones_go_on(calls):
    disk = making.meter("disk")
    product = sold(units(calls, 1000), units(disk, 5))
    subscription = begin(product)
    held(subscription, "2026-01-02")

    product_credits.change_product(
        product=product, changes={}, price=None, credits=[units(calls, 1000), units(disk, 7)], actor=ACTOR, now=utc("2026-01-20")
    )

    assert held(subscription, "2026-02-02") == [
        [("01-01", "02-01", 1000), ("02-01", "03-01", 1000)],
        [("01-01", "02-01", 5)],
        [("02-01", "03-01", 7)],
    ]


def test_a_new_price_keeps_the_credits(calls):
    product = sold(units(calls, 1000))

    product_credits.change_product(
        product=product, changes={}, price=making.price(fee=3), credits=None, actor=ACTOR, now=utc("2026-01-20")
    )

    assert [one.amount for one in product_credits.of_version(product.versions.get(number=2))] == [1000]


def test_a_change_within_the_cycle_ends_the_old_and_grants_a_part_of_the_new(calls):
    subscription = begin(sold(units(calls, 1000)), "2026-04-01")
    held(subscription, "2026-04-02")
    change.change_product(
        subscription=subscription, product=sold(units(calls, 3001)), when=When.SAME_CYCLE, actor=ACTOR, now=utc("2026-04-11")
    )

    assert held(subscription, "2026-05-02") == [
        [("04-01", "04-11", 1000)],
        [("04-11", "05-01", 2001), ("05-01", "06-01", 3001)],  # 20 of 30 days are 2000.67
    ]


def test_a_change_with_a_new_cycle_grants_the_whole(calls):
    subscription = begin(sold(units(calls, 1000)), "2026-04-01")
    held(subscription, "2026-04-02")
    change.change_product(
        subscription=subscription, product=sold(units(calls, 3000)), when=When.NEW_CYCLE, actor=ACTOR, now=utc("2026-04-11")
    )

    assert held(subscription, "2026-04-12") == [[("04-01", "04-11", 1000)], [("04-11", "05-11", 3000)]]


def test_a_hand_made_grant_is_not_given_twice_in_a_cycle_that_goes_on(calls):
    subscription = begin(sold(), "2026-04-01")
    grant = grants.GrantInput("units", Decimal(10), utc("2026-04-01"), meter=calls, renews=True, subscription=subscription)
    grants.create(customer=subscription.customer, grant=grant, actor=ACTOR, now=utc("2026-04-02"))
    change.change_product(
        subscription=subscription, product=sold(fee=9), when=When.SAME_CYCLE, actor=ACTOR, now=utc("2026-04-11")
    )

    assert held(subscription, "2026-05-02") == [[("04-01", "05-01", 10), ("05-01", "06-01", 10)]]


def test_periods_made_ahead_are_withdrawn_and_given_again(calls):
    subscription = begin(sold(units(calls, 10)), "2026-04-01")
    assert held(subscription, "2026-05-02")[0][1] == ("05-01", "06-01", 10)

    cancel.cancel_at_next_billing_date(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-04-20"))
    assert held(subscription, "2026-04-20") == [[("04-01", "05-01", 10), ("05-01", "06-01", 10, -10)]]

    cancel.keep(subscription=subscription, actor=ACTOR, now=utc("2026-04-21"))
    assert held(subscription, "2026-04-21") == [[("04-01", "05-01", 10), ("05-01", "06-01", 10, -10, 10)]]

    rebill.move_next_billing_date(
        subscription=subscription, next_billing_date=utc("2026-05-10"), actor=ACTOR, now=utc("2026-04-22")
    )
    assert held(subscription, "2026-04-22") == [[("04-01", "05-10", 10), ("05-01", "06-01", 10, -10, 10, -10)]]


def test_a_scheduled_product_that_is_taken_back_grants_nothing(calls):
    subscription = begin(sold(units(calls, 10)), "2026-04-01")
    change.change_product(
        subscription=subscription, product=sold(units(calls, 30)), when=When.NEXT_CYCLE, actor=ACTOR, now=utc("2026-04-11")
    )
    assert held(subscription, "2026-05-02") == [[("04-01", "05-01", 10)], [("05-01", "06-01", 30)]]

    change.take_back(subscription=subscription, actor=ACTOR, now=utc("2026-04-12"))

    assert held(subscription, "2026-04-13") == [[("04-01", "05-01", 10)]]


def test_what_cannot_be_granted_is_refused(calls):
    with pytest.raises(CurrencyMismatch, match="grants EUR"):
        sold(ProductCreditInput("money", Decimal(1), currency="EUR"))
    with pytest.raises(grants.GrantInvalid) as wrong:
        sold(ProductCreditInput("units", Decimal(1)))
    assert wrong.value.field == "credits[0].meter_id"


def test_a_period_that_was_withdrawn_and_given_again_reopens_with_what_expired_and_no_more(calls):
    subscription = begin(sold(units(calls, 1000)))
    held(subscription, "2026-02-02")
    period = GrantPeriod.objects.get(starts_at=utc("2026-02-01"))
    at = {"actor": ACTOR, "now": utc("2026-01-10")}
    withdrawal.withdraw([period.id], **at)
    withdrawal.restore(period.id, ends_at=period.ends_at, **at)
    customer = subscription.customer_id
    renewal.settle(
        customer_ids=[customer], billed_until=lambda ids: dict.fromkeys(ids, FOREVER), actor=ACTOR, now=utc("2026-03-01")
    )

    renewal.reopen(
        customer_id=customer, within=Period(period.starts_at, period.ends_at), cause="inv_1", actor=ACTOR, now=utc("2026-03-02")
    )

    assert period.entries.aggregate(held=Sum("amount"))["held"] == 1000
