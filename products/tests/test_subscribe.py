"""Beginning, changing and ending subscriptions."""

import pytest

from core.money import CurrencyMismatch
from products import cancel, catalogue, next_points, rebill, rescheduling, subscribe
from products.cancel import Cancellation
from products.carried import MeterAlreadySubscribed
from products.subscribe import Extras, OneTimeInput
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db
WHY = Cancellation("cancelled_by_customer", "too dear", "too_expensive")


@pytest.fixture
def calls():
    return making.meter("call")


def begin(product, start="2026-01-31T10:00", now="2026-01-31T10:00", customer=None, **more):
    return subscribe.create(
        customer=customer or making.customer(), product=product, start_at=utc(start), actor=ACTOR, now=utc(now), **more
    )


def carried(subscription):
    return sorted((row.meter.event_name, row.during.lower, row.during.upper) for row in subscription.meters.all())


def test_a_subscription_is_anchored_at_its_start_and_carries_its_meters(calls):
    subscription = begin(making.product(making.per_unit(calls), fee=100))

    assert (subscription.next_point.point, subscription.next_point.point_at) == (0, utc("2026-01-31T10:00"))
    assert (subscription.status, subscription.ends_at) == ("active", utc("2036-01-31"))
    assert subscribe.schedule_of(subscription).cycle(1).end == utc("2026-02-28")
    assert carried(subscription) == [("call", utc("2026-01-31T10:00"), utc("2036-01-31"))]


def test_a_future_subscription_is_pending_until_its_start():
    subscription = begin(making.product(), start="2026-03-01")

    assert subscription.status == "pending"
    assert subscribe.status_at(subscription, utc("2026-02-28")) == "pending"
    assert subscribe.status_at(subscription, utc("2026-03-01")) == "active"


def test_a_trial_puts_the_first_cycle_behind_it(calls):
    subscription = begin(making.product(making.per_unit(calls), trial_period_days=14), start="2026-01-01", now="2026-01-01")

    assert subscription.next_point.point_at == utc("2026-01-15")
    assert carried(subscription)[0][1] == utc("2026-01-01")


def test_a_trial_has_the_meters_of_the_first_cycle(calls):
    product = making.product(making.per_unit(making.meter("old")), trial_period_days=14)
    newer = making.price(making.per_unit(calls), trial_period_days=14)
    catalogue.update_price(product=product, price=newer, actor=ACTOR, now=utc("2026-02-01"))

    subscription = begin(product, start="2026-03-01", now="2026-03-01")

    assert [row[:2] for row in carried(subscription)] == [("call", utc("2026-03-01"))]


def test_a_meter_is_carried_by_one_subscription_of_a_customer_at_a_time(calls):
    product, customer = making.product(making.per_unit(calls)), making.customer()
    first = begin(product, customer=customer)

    with pytest.raises(MeterAlreadySubscribed, match=f"{first.public_id} of this customer carries the meter {calls.public_id}"):
        begin(product, customer=customer)

    begin(product)


def test_after_a_cancellation_another_subscription_may_carry_the_meter(calls):
    product, customer = making.product(making.per_unit(calls)), making.customer()
    subscription = begin(product, customer=customer)

    cancel.cancel_now(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-02-10T09:00"))

    begin(product, customer=customer, start="2026-02-10T09:00", now="2026-02-10T09:00")


def test_billing_begins_at_bill_from():
    subscription = begin(making.product(), bill_from=utc("2026-03-31"), now="2026-04-15")

    assert (subscription.next_point.point, subscription.next_point.point_at) == (2, utc("2026-03-31"))


def test_bill_from_is_a_boundary():
    with pytest.raises(subscribe.BillFromNotBoundary):
        begin(making.product(), bill_from=utc("2026-03-30"))


def test_cancelling_now_cuts_the_running_cycle(calls):
    subscription = begin(making.product(making.per_unit(calls)), now="2026-02-01")

    ended = cancel.cancel_now(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-02-10T09:00"))

    assert (ended.status, ended.ends_at, ended.cancel_reason) == ("cancelled", utc("2026-02-10T09:00"), "cancelled_by_customer")
    assert subscribe.schedule_of(ended).point_at(1) == utc("2026-02-10T09:00")
    assert carried(ended) == [("call", utc("2026-01-31T10:00"), utc("2026-02-10T09:00"))]
    with pytest.raises(rescheduling.SubscriptionEnded):
        cancel.cancel_now(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-02-10T09:00"))


def test_cancelling_before_the_start_bills_nothing(calls):
    subscription = begin(making.product(making.per_unit(calls), fee=100), start="2026-03-01")

    ended = cancel.cancel_now(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-02-10"))

    assert next_points.of(ended) is None
    assert carried(ended) == []
    with pytest.raises(rescheduling.SubscriptionEnded):
        cancel.keep(subscription=subscription, actor=ACTOR, now=utc("2026-02-11"))


def test_cancelling_at_the_next_billing_date_can_be_taken_back(calls):
    subscription = begin(making.product(making.per_unit(calls)))

    ending = cancel.cancel_at_next_billing_date(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-02-10"))
    assert (ending.ends_at, subscribe.status_at(ending, utc("2026-02-27"))) == (utc("2026-02-28"), "active")
    assert subscribe.status_at(ending, utc("2026-02-28")) == "cancelled"
    assert carried(ending)[0][2] == utc("2026-02-28")

    kept = cancel.keep(subscription=subscription, actor=ACTOR, now=utc("2026-02-20"))
    assert (kept.ends_at, kept.cancel_reason) == (utc("2036-01-31"), "")
    assert carried(kept)[0][2] == utc("2036-01-31")


def test_a_cancellation_before_the_start_can_be_taken_back():
    subscription = begin(making.product(), start="2026-03-01")

    cancel.cancel_at_next_billing_date(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-02-10"))
    kept = cancel.keep(subscription=subscription, actor=ACTOR, now=utc("2026-02-20"))

    assert (kept.next_point.point, kept.next_point.point_at) == (0, utc("2026-03-01"))


def test_a_next_billing_date_is_the_new_anchor():
    subscription = begin(making.product(fee=100))

    moved = rebill.move_next_billing_date(
        subscription=subscription, next_billing_date=utc("2026-03-10T15:00"), actor=ACTOR, now=utc("2026-03-05")
    )

    schedule = subscribe.schedule_of(moved)
    assert [schedule.cycle(n).end for n in (1, 2, 3)] == [utc("2026-02-28"), utc("2026-03-10"), utc("2026-04-10")]


def test_a_cancelled_subscription_is_not_moved_beyond_its_agreed_end():
    subscription = begin(making.product(life=("Month", 2)), start="2026-01-01", now="2026-01-01")
    cancel.cancel_at_next_billing_date(subscription=subscription, why=WHY, actor=ACTOR, now=utc("2026-01-10"))

    moved = rebill.move_next_billing_date(
        subscription=subscription, next_billing_date=utc("2026-06-01"), actor=ACTOR, now=utc("2026-01-11")
    )

    assert moved.ends_at == utc("2026-03-01")


def test_moving_the_next_billing_date_again_replaces_the_first_move():
    subscription = begin(making.product(fee=100))

    for day in ("2026-03-10", "2026-03-12"):
        rebill.move_next_billing_date(subscription=subscription, next_billing_date=utc(day), actor=ACTOR, now=utc("2026-03-05"))

    subscription.refresh_from_db()
    assert subscribe.schedule_of(subscription).cycle(2).end == utc("2026-03-12")


@pytest.mark.parametrize("day", ["2026-03-05", "2026-03-04", "2026-03-05T23:00"])
def test_a_next_billing_date_lies_in_the_future(day):
    subscription = begin(making.product(fee=100))

    with pytest.raises(rebill.NextBillingDateInvalid):
        rebill.move_next_billing_date(
            subscription=subscription, next_billing_date=utc(day), actor=ACTOR, now=utc("2026-03-05T12:00")
        )


def test_one_time_products_come_with_the_subscription():
    extras = Extras(one_time=[OneTimeInput(making.one_time(500), quantity=3), OneTimeInput(making.one_time(1), amount=70)])

    subscription = begin(making.product(), extras=extras)

    assert [(item.quantity, item.amount) for item in subscription.one_time_items.order_by("id")] == [(3, 1500), (1, 70)]


def test_what_cannot_be_sold_is_refused():
    archived = making.product()
    catalogue.archive_product(product=archived, now=utc("2026-01-01"))

    with pytest.raises(subscribe.ProductArchived):
        begin(archived)
    with pytest.raises(subscribe.ProductNotRecurring):
        begin(making.one_time())
    with pytest.raises(subscribe.ProductNotOneTime):
        begin(making.product(), extras=Extras(one_time=[OneTimeInput(making.product())]))
    with pytest.raises(CurrencyMismatch, match="sold in USD, not EUR"):
        begin(making.product(), extras=Extras(currency="EUR"))
    with pytest.raises(CurrencyMismatch, match="sold in EUR, the subscription in USD"):
        begin(making.product(), extras=Extras(one_time=[OneTimeInput(making.one_time(currency="EUR"))]))
    with pytest.raises(subscribe.CustomerArchived):
        begin(making.product(), customer=making.customer(archived_at=utc("2026-01-01")))


@pytest.mark.parametrize("earlier", [{"currency": "EUR"}, {"every": ("Year", 1)}, {"is_tax_inclusive": True}])
def test_cycles_never_begin_under_a_price_that_cannot_stand_beside_the_one_sold(earlier):
    product = making.product(fee=100, **earlier)
    catalogue.update_price(product=product, price=making.price(fee=100), actor=ACTOR, now=utc("2026-03-01"))

    with pytest.raises(subscribe.StartBeforePrice):
        begin(product, start="2026-01-31", now="2026-03-10")
    assert begin(product, start="2026-03-01", now="2026-03-10").currency == "USD"


def test_an_earlier_price_of_the_same_kind_bills_the_cycles_of_its_time():
    product = making.product(fee=100)
    catalogue.update_price(product=product, price=making.price(fee=200), actor=ACTOR, now=utc("2026-03-01"))

    assert begin(product, start="2026-01-31", now="2026-03-10").next_point.point == 0


def test_prices_with_and_without_tax_never_share_an_invoice():
    product = making.product(fee=100)
    setup = catalogue.create_product(
        name="Setup",
        tax_category="saas",
        price=catalogue.PriceInput(kind="one_time_price", currency="USD", fixed_price=1, is_tax_inclusive=True),
        actor=ACTOR,
        now=making.NEW_YEAR,
    )
    with pytest.raises(subscribe.TaxInclusionMismatch):
        begin(product, extras=Extras(one_time=(OneTimeInput(setup),)))

    begin(product)
    with pytest.raises(catalogue.TaxInclusionInUse):
        catalogue.update_price(
            product=product, price=making.price(fee=100, is_tax_inclusive=True), actor=ACTOR, now=utc("2026-03-01")
        )
