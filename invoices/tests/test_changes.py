"""What pauses, cancellations and changes of product come to on invoices."""

import pytest

from core.money import CurrencyMismatch
from invoices import drafting, issue
from invoices.models import Invoice
from invoices.tests.story import begin, bill, invoices, use
from invoices.verify import verify
from products import cancel, catalogue, change, pause, rebill
from products.cancel import Cancellation
from products.carried import MeterAlreadySubscribed
from products.change import When
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    return making.meter("call")


@pytest.fixture
def acme():
    return making.customer()


def do(verb, subscription, at, **more):
    return verb(subscription=subscription, actor=ACTOR, now=utc(at), **more)


def lines(**filters):
    return [one[1:] for one in invoices(**filters)]


def test_a_change_of_a_cycle_that_a_life_had_cut_gives_back_what_is_left_of_what_was_paid(acme):
    # Six weeks end on February 12: cycle 2 cost 11/28 of 2800, of which the change leaves 7/28.
    short = making.product(fee=2800, life=("Week", 6), name="Short")
    subscription = begin(acme, short, "2026-01-01")
    bill("2026-02-02")
    do(change.change_product, subscription, "2026-02-05", product=making.product(fee=100, name="Other"), when=When.NEW_CYCLE)

    bill("2026-02-06")

    assert lines()[1:] == [
        ["0 fixed_fee Short: 1100", "total 1100, due 1100"],
        ["0 fixed_fee Short (unused): -700", "1 fixed_fee Other: 100", "total 0, due 0"],
    ]


def test_a_change_in_the_same_cycle_rates_on_and_prorates_both_fees(acme, calls):
    # 12 of 30 days of April lie before the change. Old: 100 calls - 50 free = 50 at 2. New: 1 a call up to 120 paid units, then 3.
    old = making.product(per_unit(calls, "2", free_threshold=50), fee=3000, name="Old")
    tiers = (making.tier("120", "1"), making.tier(None, "3"))
    new = making.product(making.tiered(calls, *tiers, free_threshold=50), fee=6000, name="New")
    subscription = begin(acme, old, "2026-04-01")
    use(acme, "call", "2026-04-05", times=100)
    do(change.change_product, subscription, "2026-04-13", product=new, when=When.SAME_CYCLE)
    use(acme, "call", "2026-04-20", times=100)

    bill("2026-05-02")

    assert lines() == [
        ["0 fixed_fee Old: 3000", "total 3000, due 3000"],
        [
            "0 fixed_fee Old (unused): -1800",  # 18/30 of 3000
            "1 fixed_fee New: 3600",  # 18/30 of 6000
            "2 usage Call: 100 - 50 - 0 = 50, 100",
            "total 1900, due 1900",
        ],
        # 150 paid units come to 120 + 30 × 3 = 210; the 50 until the change, under the same terms, to 50.
        ["0 fixed_fee New: 6000", "1 usage Call: 100 - 0 - 0 = 100, 160", "total 6160, due 6160"],
    ]


def test_more_of_the_same_product_in_the_same_cycle_has_the_price_that_is_sold_then(acme):
    # 20 of 30 days of April are left; at the next cycle all of it would have had the new price anyway.
    plan = making.product(fee=3000)
    subscription = begin(acme, plan, "2026-04-01")
    catalogue.update_price(product=plan, price=making.price(fee=6000), actor=ACTOR, now=utc("2026-04-05"))
    do(change.change_product, subscription, "2026-04-11", product=plan, quantity=2, when=When.SAME_CYCLE)

    bill("2026-05-02")

    assert lines()[1:] == [
        ["0 fixed_fee Plan (unused): -2000", "1 fixed_fee Plan × 2: 8000", "total 6000, due 6000"],
        ["0 fixed_fee Plan × 2: 12000", "total 12000, due 12000"],
    ]


@pytest.mark.parametrize(
    ("aggregation", "second", "amount"), [("max", "30", 60), ("max", "10", 0), ("last", "10", 0), ("last", "25", 35)]
)
def test_max_and_last_rate_on_what_they_have_grown_by(acme, aggregation, second, amount):
    seats = making.meter("seat", aggregation, "seats")
    old, new = (making.product(per_unit(seats, price), name=name) for name, price in (("Old", "5"), ("New", "7")))
    subscription = begin(acme, old, "2026-04-01")
    use(acme, "seat", "2026-04-05", seats=20)
    do(change.change_product, subscription, "2026-04-13", product=new, when=When.SAME_CYCLE)
    use(acme, "seat", "2026-04-20", seats=int(second))

    bill("2026-05-02")

    grown = {60: 70}.get(amount, amount)
    assert [line.amount for one in Invoice.objects.order_by("series_number") for line in one.lines.filter(kind="usage")] == [
        100,
        grown,
    ]


def test_a_change_that_begins_a_new_cycle_gives_back_what_is_left_and_bills_a_whole_fee(acme, calls):
    old = making.product(per_unit(calls, "2"), fee=3000, name="Old")
    yearly = making.product(per_unit(calls, "3"), fee=50000, every=("Year", 1), name="Yearly")
    subscription = begin(acme, old, "2026-04-01")
    use(acme, "call", "2026-04-05", times=10)
    changed = do(change.change_product, subscription, "2026-04-13T12:00", product=yearly, when=When.NEW_CYCLE)

    bill("2026-04-14")

    assert lines(point=1) == [
        [
            "0 fixed_fee Old (unused): -1750",  # 17.5/30 of 3000
            "1 fixed_fee Yearly: 50000",
            "2 usage Call: 10 - 0 - 0 = 10, 20",
            "total 48270, due 48270",
        ]
    ]
    changed.refresh_from_db()
    assert (changed.next_point.point_at, changed.ends_at) == (utc("2027-04-13"), utc("2036-04-13"))


def test_a_cheaper_product_leaves_what_is_below_zero_for_later_invoices(acme):
    dear, cheap = making.product(fee=3000, name="Dear"), making.product(fee=300, name="Cheap")
    subscription = begin(acme, dear, "2026-04-01")
    do(change.change_product, subscription, "2026-04-16", product=cheap, when=When.SAME_CYCLE)

    bill("2026-05-02")

    assert lines(point=1) == [["0 fixed_fee Dear (unused): -1500", "1 fixed_fee Cheap: 150", "total 0, due 0"]]
    assert lines(point=2) == [["0 fixed_fee Cheap: 300", "credit  invoice 300", "total 300, due 0"]]


def test_a_change_at_the_next_cycle_keeps_the_anchor_and_can_be_taken_back(acme, calls):
    old, new = (
        making.product(per_unit(calls, "2"), fee=100, name="Old"),
        making.product(per_unit(calls, "3"), fee=200, name="New"),
    )
    subscription = begin(acme, old, "2026-01-31")
    do(change.change_product, subscription, "2026-02-10", product=new, when=When.NEXT_CYCLE, quantity=2)
    assert change.scheduled(subscription, utc("2026-02-11")).product == new
    with pytest.raises(change.ScheduledChangeExists):
        do(change.change_product, subscription, "2026-02-11", product=new, when=When.NEXT_CYCLE)
    do(change.take_back, subscription, "2026-02-12")
    with pytest.raises(change.NoScheduledChange):
        do(change.take_back, subscription, "2026-02-12")
    do(change.change_product, subscription, "2026-02-13", product=new, when=When.NEXT_CYCLE, quantity=2)
    use(acme, "call", "2026-02-15", times=10)
    use(acme, "call", "2026-03-15", times=10)

    bill("2026-04-01")

    assert [one[0][-24:] + " " + "; ".join(one[1:-1]) for one in invoices()] == [
        "2026-01-31 to 2026-02-28 0 fixed_fee Old: 100",
        "2026-01-31 to 2026-02-28 0 fixed_fee New × 2: 400; 1 usage Call: 10 - 0 - 0 = 10, 20",
        "2026-02-28 to 2026-03-31 0 fixed_fee New × 2: 400; 1 usage Call: 10 - 0 - 0 = 10, 30",
    ]


def test_a_moved_date_takes_the_change_along_and_taking_it_back_leaves_the_date(acme):
    old, new = making.product(fee=100, name="Old"), making.product(fee=200, name="New")
    subscription = begin(acme, old, "2026-01-01")
    do(change.change_product, subscription, "2026-01-10", product=new, when=When.NEXT_CYCLE)

    do(rebill.move_next_billing_date, subscription, "2026-01-11", next_billing_date=utc("2026-02-15"))
    assert change.scheduled(subscription, utc("2026-01-12")).starts_at == utc("2026-02-15")

    do(change.take_back, subscription, "2026-01-12")
    subscription.refresh_from_db()
    assert (change.scheduled(subscription, utc("2026-01-12")), subscription.next_point.point_at) == (None, utc("2026-01-01"))
    assert subscription.phases.count() == 2


def test_another_product_at_the_next_cycle_begins_a_subscription_period_of_its_own(acme):
    # The old period ends within the new product's first year; from the 31st of a month on, a life of months ends on a 31st again.
    monthly = making.product(fee=100, life=("Month", 6), name="Monthly")
    yearly = making.product(fee=1000, every=("Year", 1), life=("Year", 1), name="Yearly")
    other = making.product(fee=200, life=("Month", 2), name="Other")
    subscription = begin(acme, monthly, "2026-01-31")

    def end():
        subscription.refresh_from_db()
        assert subscription.ends_at == subscription.expires_at
        return f"{subscription.ends_at:%Y-%m-%d}"

    do(change.change_product, subscription, "2026-02-10", product=yearly, when=When.NEXT_CYCLE)
    assert end() == "2027-02-28"
    do(rebill.move_next_billing_date, subscription, "2026-02-10", next_billing_date=utc("2026-03-05"))
    assert end() == "2027-03-05"
    do(change.take_back, subscription, "2026-02-10")
    assert end() == "2026-07-31"
    do(rebill.move_next_billing_date, subscription, "2026-02-10", next_billing_date=utc("2026-02-28"))
    do(change.change_product, subscription, "2026-02-10", product=yearly, when=When.NEXT_CYCLE)
    do(
        change.change_product,
        subscription,
        "2026-02-10",
        product=monthly,
        quantity=2,
        when=When.NEXT_CYCLE,
        replace_scheduled=True,
    )
    assert end() == "2026-07-31"  # only the quantity changes: the period goes on
    do(change.take_back, subscription, "2026-02-10")
    do(change.change_product, subscription, "2026-02-10", product=yearly, when=When.NEXT_CYCLE)

    bill("2028-01-01")

    assert lines() == [
        ["0 fixed_fee Monthly: 100", "total 100, due 100"],
        ["0 fixed_fee Yearly: 1000", "total 1000, due 1000"],
        ["total 0, due 0"],
    ]
    again = begin(acme, making.product(fee=100, life=("Month", 6)), "2026-01-31")
    subscription = do(change.change_product, again, "2026-02-10", product=other, when=When.NEXT_CYCLE)
    assert end() == "2026-04-30"  # two cycles of the same anchor: until March 31, until April 30
    changed = do(change.change_product, again, "2026-02-11", product=yearly, when=When.NEW_CYCLE, replace_scheduled=True)
    assert changed.phases.get(begins_anew=True).former_expires_at == utc("2026-07-31")


def test_before_the_first_cycle_a_change_is_what_it_will_begin_with(acme, calls):
    old, new = making.product(fee=100, trial_period_days=14, name="Old"), making.product(per_unit(calls), fee=200, name="New")
    subscription = begin(acme, old, "2026-01-01")

    do(change.change_product, subscription, "2026-01-05", product=new, when=When.SAME_CYCLE)
    use(acme, "call", "2026-01-06", times=7)  # in the trial: never billed
    bill("2026-02-16")

    assert lines() == [
        ["0 fixed_fee New: 200", "total 200, due 200"],
        ["0 fixed_fee New: 200", "1 usage Call: 0 - 0 - 0 = 0, 0", "total 200, due 200"],
    ]


def test_a_paused_subscription_is_billed_for_its_usage_and_pays_the_fee_from_when_it_resumes(acme, calls):
    subscription = begin(acme, making.product(per_unit(calls, "2"), fee=3100), "2026-01-01")
    do(pause.pause, subscription, "2026-01-20")
    use(acme, "call", "2026-02-10", times=5)
    bill("2026-03-02")
    do(pause.resume, subscription, "2026-03-11")
    use(acme, "call", "2026-03-20", times=1)

    bill("2026-04-02")

    assert lines() == [
        ["0 fixed_fee Plan: 3100", "total 3100, due 3100"],
        ["0 usage Call: 0 - 0 - 0 = 0, 0", "total 0, due 0"],
        ["0 usage Call: 5 - 0 - 0 = 5, 10", "total 10, due 10"],
        [
            "0 fixed_fee Plan (after the pause): 2100",  # 21/31 of 3100
            "1 fixed_fee Plan: 3100",
            "2 usage Call: 1 - 0 - 0 = 1, 2",
            "total 5202, due 5202",
        ],
    ]
    flagged = {
        one.point: one.lines.get(kind="usage").waterfall.get("paused_event_count") for one in Invoice.objects.filter(point__gt=0)
    }
    assert flagged == {1: None, 2: 5, 3: None}


def test_only_what_is_active_is_paused_and_only_what_is_paused_resumed(acme):
    subscription = begin(acme, making.product(fee=1), "2026-03-01", now="2026-01-01")

    with pytest.raises(pause.SubscriptionNotActive):
        do(pause.pause, subscription, "2026-01-02")
    with pytest.raises(pause.SubscriptionNotPaused):
        do(pause.resume, subscription, "2026-03-02")
    for at in ("2026-03-02", "2026-03-02"):  # a pause that is taken back at once
        do(pause.pause, subscription, at)
        do(pause.resume, subscription, at)
        break
    do(pause.pause, subscription, "2026-03-03")
    with pytest.raises(pause.SubscriptionNotActive):
        do(pause.pause, subscription, "2026-03-04")


def test_a_cancellation_gives_the_rest_of_the_fee_back_if_asked(acme, calls):
    subscription = begin(acme, making.product(per_unit(calls, "2"), fee=3100), "2026-01-01")
    use(acme, "call", "2026-01-02", times=5)
    do(cancel.cancel_now, subscription, "2026-01-11", why=Cancellation(), prorate=True)

    bill("2026-01-12")

    assert lines(kind="final") == [["0 fixed_fee Plan (unused): -2100", "1 usage Call: 5 - 0 - 0 = 5, 10", "total 0, due 0"]]


def test_a_cancellation_at_the_very_start_ends_with_the_first_instant(acme):
    subscription = begin(acme, making.product(fee=3100), "2026-01-01")
    bill("2026-01-01")
    do(cancel.cancel_now, subscription, "2026-01-01", why=Cancellation(), prorate=True)

    assert bill("2026-01-02").held_count == 0
    assert lines() == [["0 fixed_fee Plan: 3100", "total 3100, due 3100"], ["0 fixed_fee Plan (unused): -3100", "total 0, due 0"]]


def test_moving_the_date_while_a_draft_waits_leaves_its_fee(acme):
    subscription = begin(acme, making.product(fee=3100), "2026-01-01")
    bill("2026-02-01T00:10")
    do(rebill.move_next_billing_date, subscription, "2026-02-01T00:20", next_billing_date=utc("2026-02-08"))

    bill("2026-02-09")

    assert [one[0] for one in lines()] == ["0 fixed_fee Plan: 3100"] * 3


BEHIND = "2026-01-31T23:59"  # by the clock of whoever asks, when the cycle of January is billed already
WAITED = {
    "cancelled": (cancel.cancel_now, {"why": Cancellation(), "prorate": True}, "-3100"),
    "moved": (rebill.move_next_billing_date, {"next_billing_date": utc("2026-02-10")}, "3100"),
    "changed": (change.change_product, {"when": When.NEW_CYCLE}, "-3100"),
    "paused": (pause.pause, {}, None),
}


@pytest.mark.parametrize("name", WAITED)
@pytest.mark.parametrize("is_issued", [False, True])
def test_what_is_billed_stays_billed_once_whatever_the_clock_of_a_change_says(acme, calls, name, is_issued):
    old = making.product(per_unit(calls, "100"), fee=3100)
    subscription = begin(acme, old, "2026-01-01")
    use(acme, "call", "2026-01-31T23:59:30", times=2)
    use(acme, "call", "2026-02-05")
    bill("2026-02-01T02:00" if is_issued else "2026-02-01T00:00:10")
    verb, more, fee = WAITED[name]
    if verb is change.change_product:
        more = more | {"product": making.product(per_unit(calls, "100"), fee=0, name="New")}
    do(verb, subscription, BEHIND, **more)

    bill("2026-03-11")

    january, *later = lines()[1:]
    assert january == ["0 fixed_fee Plan: 3100", "1 usage Call: 2 - 0 - 0 = 2, 200", "total 3300, due 3300"]
    fees = [line for one in later for line in one if line.startswith("0 fixed_fee Plan")]
    assert [line.rsplit(" ", 1)[1] for line in fees][:1] == ([fee] if fee else [])
    counted = sum(line.endswith("1 - 0 - 0 = 1, 100") for one in later for line in one)
    assert counted == (0 if name == "cancelled" else 1)  # what is used behind the end of a subscription is nobody's


def test_hand_issue_sees_an_earlier_point_that_has_no_draft_yet(acme):
    begin(acme, making.product(fee=1), "2026-01-01")
    later = begin(acme, making.product(fee=1), "2026-01-02")
    (draft,) = drafting.draft_points(subscription=later, now=utc("2026-01-02"), actor=ACTOR)

    with pytest.raises(issue.EarlierDraftOpen):
        issue.issue_by_hand(draft=draft, actor=ACTOR, now=utc("2026-01-02"))


def test_what_cannot_be_changed_to_is_refused(acme, calls):
    old = making.product(per_unit(calls), fee=100)
    other = making.meter("other")
    subscription = begin(acme, old, "2026-01-01")
    carrier = begin(acme, making.product(per_unit(other)), "2026-01-01")

    def refused(error, product, when=When.SAME_CYCLE, match=None, **more):
        with pytest.raises(error, match=match):
            do(change.change_product, subscription, "2026-01-10", product=product, when=when, **more)

    refused(CurrencyMismatch, making.product(currency="EUR"))
    refused(change.TaxInclusionMismatch, making.product(is_tax_inclusive=True))
    refused(change.ProductNotRecurring, making.one_time())
    refused(change.PaymentFrequencyDiffers, making.product(every=("Year", 1)))
    refused(change.NothingChanges, old, quantity=1)
    refused(MeterAlreadySubscribed, making.product(per_unit(other)), match=carrier.public_id)
    do(cancel.cancel_at_next_billing_date, subscription, "2026-01-10", why=Cancellation())
    refused(change.CancellationPending, making.product(fee=3))
    do(cancel.keep, subscription, "2026-01-10")
    do(pause.pause, subscription, "2026-01-10")
    refused(change.SubscriptionPaused, making.product(fee=3))


@pytest.mark.django_db(transaction=True)
def test_lines_that_rate_on_are_proved(acme, calls):
    meters = [calls, making.meter("seat", "max", "n"), making.meter("disk", "last", "n")]
    old, new = (making.product(*(per_unit(one, price, free_threshold=2) for one in meters)) for price in ("2", "3"))
    subscription = begin(acme, old, "2026-04-01")
    for day, number in (("2026-04-05", 5), ("2026-04-20", 9)):
        use(acme, "call", day, times=number)
        use(acme, "seat", day, n=number)
        use(acme, "disk", day, n=number)
        if number == 5:
            do(change.change_product, subscription, "2026-04-13", product=new, when=When.SAME_CYCLE)
    bill("2026-05-02")

    proofs = [verify(one) for one in Invoice.objects.order_by("point")]

    assert [proof.findings for proof in proofs] == [(), ()]
    assert [
        list(one.lines.order_by("position").values_list("amount", flat=True)) for one in Invoice.objects.order_by("point")
    ] == [
        [6, 6, 6],
        [27, 12, 12],
    ]


def test_a_late_event_adjusts_a_line_that_rates_on_under_the_same_tiers(acme, calls):
    tiers = (making.tier("10", "5"), making.tier(None, "1"))
    old, new = making.product(per_unit(calls, "2"), name="Old"), making.product(making.tiered(calls, *tiers), name="New")
    subscription = begin(acme, old, "2026-04-01")
    use(acme, "call", "2026-04-05", times=8)
    do(change.change_product, subscription, "2026-04-13", product=new, when=When.SAME_CYCLE)
    use(acme, "call", "2026-04-20", times=1)
    bill("2026-05-02")
    use(acme, "call", "2026-04-21", times=3)  # the 10th at 5, then two at 1

    bill("2026-06-02")

    assert [one[1:-1] for one in invoices(point__in=[1, 2])] == [
        ["0 usage Call: 8 - 0 - 0 = 8, 16"],
        ["0 usage Call: 1 - 0 - 0 = 1, 5"],
    ]
    assert [line.amount for line in Invoice.objects.get(point=3).lines.filter(kind="adjustment")] == [7]
