"""The billing run: what it drafts, issues and settles, at given times."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.clock import database_now
from core.periods import Interval
from credits import grants, product_credits
from credits.models import GrantPeriod
from credits.product_credits import ProductCreditInput
from events.models import Event
from events.tests import sending
from invoices.issue import issue_by_hand
from invoices.models import Invoice, InvoiceCredit, InvoiceEvent, Seller
from invoices.run import AheadOfClock, BillingReport, run_billing
from invoices.series_models import InvoiceSeries
from invoices.tests.story import begin, bill, give, invoices, ledger, use
from meters import void as voids
from meters.models import Meter
from products import cancel, catalogue, next_points
from products.cancel import Cancellation
from products.models import Subscription
from products.subscribe import Extras, OneTimeInput
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    return making.meter("call")


def test_a_cycle_is_drafted_at_its_end_and_issued_after_the_grace(calls):
    acme = making.customer(tax_rate=Decimal("0.19"))
    begin(acme, making.product(per_unit(calls, "2.5", free_threshold=3), fee=4900), "2026-01-10T09:00")
    use(acme, "call", "2026-01-20T00:00", times=8)
    use(acme, "call", "2026-02-10T00:00", times=5)

    assert bill("2026-01-10T09:59") == BillingReport(1, 0, 0, 0)
    assert bill("2026-01-10T10:00") == BillingReport(0, 1, 0, 0)
    assert bill("2026-02-10T00:00") == BillingReport(1, 0, 0, 0)
    assert bill("2026-02-10T01:00") == BillingReport(0, 1, 0, 0)

    assert invoices() == [
        [
            "INV-2026-000001 opening issued point 0 Acme 2026-01-10 to 2026-02-10",
            "0 fixed_fee Plan: 4900",
            "tax 0.19 on 4900: 931",
            "total 5831, due 5831",
        ],
        [
            "INV-2026-000002 regular issued point 1 Acme 2026-01-10 to 2026-02-10",
            "0 fixed_fee Plan: 4900",
            "1 usage Call: 8 - 3 - 0 = 5, 13",
            "tax 0.19 on 4913: 933",
            "total 5846, due 5846",
        ],
    ]


def test_running_twice_issues_nothing_new(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    bill("2026-02-01T01:00")
    before = invoices()

    assert bill("2026-02-01T01:00") == BillingReport(0, 0, 0, 0)
    assert bill("2026-02-20") == BillingReport(0, 0, 0, 0)
    assert invoices() == before


def test_a_point_without_a_fee_makes_no_opening_invoice_and_a_cycle_without_usage_makes_a_paid_one(calls):
    begin(making.customer(), making.product(per_unit(calls)), "2026-01-01")

    bill("2026-02-01T01:00")

    assert invoices() == [
        [
            "INV-2026-000001 regular paid point 1 Acme 2026-01-01 to 2026-02-01",
            "0 usage Call: 0 - 0 - 0 = 0, 0",
            "total 0, due 0",
        ]
    ]
    assert list(InvoiceEvent.objects.order_by("id").values_list("from_status", "to_status")) == [
        (None, "issued"),
        ("issued", "paid"),
    ]


def test_late_usage_within_the_grace_is_on_the_invoice(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    bill("2026-02-01T00:10")
    key, _ = sending.make_key()
    late = sending.event("late", acme, event_name="call", timestamp="2026-01-31T23:59:59.999999Z")
    sending.send(key, late, received_at=utc("2026-02-01T00:30"))

    bill("2026-02-01T01:00")

    assert "0 usage Call: 1 - 0 - 0 = 1, 2" in invoices()[0]


def test_a_past_start_bills_every_point_since_in_order(calls):
    acme = making.customer()
    use(acme, "call", "2026-02-03", times=3)
    begin(acme, making.product(per_unit(calls), fee=100), "2026-01-31", now="2026-04-15")

    bill("2026-04-15")

    assert [one[0] for one in invoices()] == [
        "INV-2026-000001 opening issued point 0 Acme 2026-01-31 to 2026-02-28",
        "INV-2026-000002 regular issued point 1 Acme 2026-01-31 to 2026-02-28",
        "INV-2026-000003 regular issued point 2 Acme 2026-02-28 to 2026-03-31",
    ]
    assert invoices()[1][2] == "1 usage Call: 3 - 0 - 0 = 3, 6"


def test_points_before_bill_from_are_billed_elsewhere(calls):
    begin(
        making.customer(), making.product(per_unit(calls), fee=100), "2026-01-31", now="2026-04-15", bill_from=utc("2026-03-31")
    )

    bill("2026-04-15")

    assert [one[0] for one in invoices()] == ["INV-2026-000001 regular issued point 2 Acme 2026-02-28 to 2026-03-31"]


def test_a_cancelled_subscription_ends_with_a_final_invoice_without_a_fee(calls):
    acme = making.customer()
    subscription = begin(acme, making.product(per_unit(calls, "2", minimum_amount=3100), fee=100), "2026-01-01")
    bill("2026-01-01T01:00")
    use(acme, "call", "2026-01-05")
    cancel.cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-11"))

    bill("2026-01-11T01:00")

    assert invoices(kind="final") == [
        [
            "INV-2026-000002 final issued point 1 Acme 2026-01-01 to 2026-01-11",
            "0 usage Call: 1 - 0 - 0 = 1, 2",
            "1 minimum Call: 998",
            "total 1000, due 1000",
        ]
    ]
    subscription.refresh_from_db()
    assert (subscription.status, next_points.of(subscription)) == ("cancelled", None)
    assert bill("2026-03-01") == BillingReport(0, 0, 0, 0)


def test_cancelling_in_the_grace_does_not_reduce_the_fee(calls):
    subscription = begin(making.customer(), making.product(per_unit(calls), fee=3100), "2026-01-01")
    bill("2026-02-01T00:10")
    cancel.cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-02-01T00:30"))

    bill("2026-02-02")

    assert [one[:2] for one in invoices()] == [
        ["INV-2026-000001 opening issued point 0 Acme 2026-01-01 to 2026-02-01", "0 fixed_fee Plan: 3100"],
        ["INV-2026-000002 regular issued point 1 Acme 2026-01-01 to 2026-02-01", "0 fixed_fee Plan: 3100"],
        ["INV-2026-000003 final paid point 2 Acme 2026-02-01 to 2026-02-01", "0 usage Call: 0 - 0 - 0 = 0, 0"],
    ]


def test_a_subscription_cancelled_at_its_next_date_gets_its_status_with_the_last_draft():
    subscription = begin(making.customer(), making.product(fee=100), "2026-01-01")
    cancel.cancel_at_next_billing_date(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-02"))

    bill("2026-02-01")

    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancelled_at) == ("cancelled", utc("2026-02-01"))
    assert [one[0] for one in invoices(kind="final")] == ["None final draft point 1 Acme 2026-01-01 to 2026-02-01"]


def test_the_terms_of_a_cycle_are_those_of_its_first_instant(calls):
    acme = making.customer()
    product = making.product(per_unit(calls), fee=100)
    begin(acme, product, "2026-01-01")
    use(acme, "call", "2026-01-20", times=10)
    use(acme, "call", "2026-02-20", times=10)
    dearer = making.price(per_unit(calls, "3"), fee=200)
    catalogue.update_price(product=product, price=dearer, actor=ACTOR, now=utc("2026-01-15"))
    catalogue.update_price(product=product, price=making.price(fee=9), actor=ACTOR, now=utc("2026-02-01T00:30"))

    bill("2026-03-01T01:00")

    assert [one[1:3] for one in invoices()] == [
        ["0 fixed_fee Plan: 100", "total 100, due 100"],
        ["0 fixed_fee Plan: 200", "1 usage Call: 10 - 0 - 0 = 10, 20"],
        ["0 fixed_fee Plan: 9", "1 usage Call: 10 - 0 - 0 = 10, 30"],
    ]


def test_quantity_and_one_time_products_stand_on_the_opening_invoice():
    extras = Extras(quantity=3, one_time=[OneTimeInput(making.one_time(500), quantity=2)])
    begin(making.customer(), making.product(fee=100), "2026-01-01", extras=extras)

    bill("2026-01-01T01:00")

    assert invoices()[0][1:3] == ["0 fixed_fee Plan × 3: 300", "1 one_time Setup × 2: 1000"]


def test_unit_credits_renew_with_the_cycle_and_what_is_left_expires_or_rolls_over(calls):
    acme = making.customer()
    subscription = begin(acme, making.product(per_unit(calls)), "2026-01-01")
    plain = give(acme, Decimal(5), "2026-01-01", meter=calls, renews=True, subscription=subscription, name="plain", priority=1)
    rolling = give(
        acme,
        Decimal(10),
        "2026-01-01",
        meter=calls,
        renews=True,
        renewal=Interval("Month", 1),
        rollover="capped",
        rollover_cap=Decimal(2),
        name="rolling",
        priority=2,
    )
    use(acme, "call", "2026-01-20", times=8)
    use(acme, "call", "2026-02-20", times=20)

    bill("2026-03-01T01:00")

    assert [line for one in invoices() for line in one[1:-1]] == [
        "0 usage Call: 8 - 0 - 8 = 0, 0",
        "credit plain usage 5",
        "credit rolling usage 3",
        "0 usage Call: 20 - 0 - 17 = 3, 6",
        "credit plain usage 5",
        "credit rolling usage 12",
    ]
    assert ledger(plain) == [
        ("2026-01-01", "granted", "5"),
        ("2026-01-01", "burned", "-5"),
        ("2026-02-01", "granted", "5"),
        ("2026-02-01", "burned", "-5"),
        ("2026-03-01", "granted", "5"),
    ]
    assert ledger(rolling) == [
        ("2026-01-01", "granted", "10"),
        ("2026-01-01", "burned", "-3"),
        ("2026-01-01", "rolled_out", "-2"),
        ("2026-01-01", "expired", "-5"),
        ("2026-02-01", "granted", "10"),
        ("2026-02-01", "rolled_in", "2"),
        ("2026-02-01", "burned", "-12"),
        ("2026-03-01", "granted", "10"),
    ]


def test_credits_are_dated_by_usage_whenever_the_invoice_is_issued(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    january = give(acme, Decimal(100), "2026-01-01", meter=calls, expires_at=utc("2026-01-16"), name="january")
    use(acme, "call", "2026-01-10", times=4)
    use(acme, "call", "2026-01-20", times=6)

    bill("2026-06-01T00:00")

    assert invoices()[0][1:3] == ["0 usage Call: 10 - 0 - 4 = 6, 12", "credit january usage 4"]
    assert InvoiceCredit.objects.get().line.kind == "usage"
    assert ledger(january)[-1] == ("2026-01-01", "expired", "-96")


def test_money_credits_cover_usage_before_tax_and_wallets_pay_after_it(calls):
    acme = making.customer(tax_rate=Decimal("0.1"))
    begin(acme, making.product(per_unit(calls, "100"), fee=1000), "2026-01-01")
    give(acme, Decimal(250), "2026-01-01", name="promo")
    give(acme, Decimal(1500), "2026-01-01", name="wallet", applies_to="invoice")
    give(acme, Decimal(9999), "2026-01-01", name="euros", currency="EUR", applies_to="invoice")
    use(acme, "call", "2026-01-20", times=4)

    bill("2026-02-01T01:00")

    assert invoices() == [
        [
            "INV-2026-000001 opening paid point 0 Acme 2026-01-01 to 2026-02-01",
            "0 fixed_fee Plan: 1000",
            "credit wallet invoice 1100",
            "tax 0.1 on 1000: 100",
            "total 1100, due 0",
        ],
        [
            "INV-2026-000002 regular issued point 1 Acme 2026-01-01 to 2026-02-01",
            "0 fixed_fee Plan: 1000",
            "1 usage Call: 4 - 0 - 0 = 4, 400",
            "credit promo usage 250",
            "credit wallet invoice 400",
            "tax 0.1 on 1150: 115",
            "total 1265, due 865",
        ],
    ]


def test_a_voided_grant_serves_the_usage_before_it_was_voided(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    gift = give(acme, Decimal(100), "2026-01-01", meter=calls, name="gift")
    use(acme, "call", "2026-01-10", times=4)
    use(acme, "call", "2026-01-20", times=6)
    grants.void(grant=gift, reason="mistake", actor=ACTOR, now=utc("2026-01-15"))

    bill("2026-02-01T01:00")

    assert invoices()[0][1:3] == ["0 usage Call: 10 - 0 - 4 = 6, 12", "credit gift usage 4"]
    assert ledger(gift)[-1] == ("2026-01-01", "voided", "-96")


def test_a_run_counts_each_credit_period_that_it_closed_once(calls):
    acme = making.customer()
    give(acme, Decimal(5), "2026-01-01", meter=calls, expires_at=utc("2026-01-20"))  # over before the first cycle begins
    give(acme, Decimal(9), "2026-01-01", meter=calls, renews=True, renewal=Interval("Month", 1))
    begin(acme, making.product(per_unit(calls)), "2026-02-01")

    first = bill("2026-04-02")
    again = bill("2026-04-02")

    closed = GrantPeriod.objects.filter(settled_at__isnull=False)
    assert [(f"{one.starts_at:%m-%d}", one.grant.amount) for one in closed.order_by("id")] == [
        ("01-01", 5), ("01-01", 9), ("02-01", 9), ("03-01", 9),
    ]  # fmt: skip
    assert (first.settled_count, again.settled_count) == (4, 0)


def test_a_grant_is_shared_by_subscriptions_in_order_of_cycle_end(calls):
    mails = making.meter("mail")
    acme = making.customer()
    begin(acme, making.product(per_unit(mails, "10"), name="Mails"), "2026-01-05")
    begin(acme, making.product(per_unit(calls, "10"), name="Calls"), "2026-01-01")
    give(acme, Decimal(60), "2026-01-01", name="promo")
    use(acme, "call", "2026-01-10", times=4)
    use(acme, "mail", "2026-01-10", times=4)

    bill("2026-02-10")

    assert [line for one in invoices() for line in one if line.startswith(("credit", "total"))] == [
        "credit promo usage 40",
        "total 0, due 0",
        "credit promo usage 20",
        "total 20, due 20",
    ]


def granting(credit, *meters):
    """Make a product that grants something each cycle."""
    price = making.price(*meters)
    return product_credits.create_product(
        name="Plan", tax_category="saas", price=price, credits=[credit], actor=ACTOR, now=making.NEW_YEAR
    )


def test_what_a_product_grants_is_drawn_once_where_the_first_run_finds_two_invoices(calls):
    mails = making.meter("mail")
    acme = making.customer()
    begin(
        acme,
        granting(ProductCreditInput("money", Decimal(60), currency="USD", name="promo"), per_unit(calls, "10")),
        "2026-01-01",
    )
    begin(acme, making.product(per_unit(mails, "10"), name="Mails"), "2026-01-01")
    use(acme, "call", "2026-01-10", times=4)
    use(acme, "mail", "2026-01-10", times=4)

    bill("2026-02-10")

    assert [line for one in invoices() for line in one if line.startswith(("credit", "total"))] == [
        "credit promo usage 40",
        "total 0, due 0",
        "credit promo usage 20",
        "total 20, due 20",
    ]


def test_what_a_product_grants_rolls_over_where_the_first_run_finds_two_cycles(calls):
    acme = making.customer()
    begin(acme, granting(ProductCreditInput("units", Decimal(10), meter=calls, rollover="all"), per_unit(calls)), "2026-01-01")
    use(acme, "call", "2026-02-10", times=25)

    bill("2026-03-02")

    assert [one[1] for one in invoices()] == ["0 usage Call: 0 - 0 - 0 = 0, 0", "0 usage Call: 25 - 0 - 20 = 5, 10"]


def test_the_date_of_issue_is_never_before_that_of_an_earlier_number(calls):
    begin(making.customer("One"), making.product(fee=1), "2026-01-01")
    bill("2026-01-01T05:00")
    begin(making.customer("Two"), making.product(fee=1), "2026-01-01T01:00")

    bill("2026-01-01T02:00")

    assert list(Invoice.objects.order_by("series_number").values_list("customer__name", "issued_at")) == [
        ("One", utc("2026-01-01T05:00")),
        ("Two", utc("2026-01-01T05:00")),
    ]
    assert Invoice.objects.get(series_number=2).due_at == utc("2026-01-15T05:00")


def test_numbers_begin_anew_each_year_of_the_billing_zone(calls):
    begin(making.customer(), making.product(fee=1), "2026-11-30")

    bill("2026-12-01")
    bill("2027-01-01")

    assert [one[0].split()[0] for one in invoices()] == ["INV-2026-000001", "INV-2027-000001"]
    assert list(InvoiceSeries.objects.order_by("year").values_list("year", "latest_number")) == [(2026, 1), (2027, 1)]


def test_seller_customer_and_terms_are_copied(calls):
    Seller.objects.update(name="Tally Ltd", payment_terms_days=30)
    acme = making.customer(city="Lyon", country="FR", tax_id="FR1", payment_terms_days=7)
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    bill("2026-02-01T01:00")

    one = Invoice.objects.get()
    line = one.lines.get()

    assert (one.seller_copy["name"], one.customer_copy["city"], one.customer_copy["tax_id"]) == ("Tally Ltd", "Lyon", "FR1")
    assert one.due_at - one.issued_at == timedelta(days=7)
    assert line.definition == {
        "event_name": "call",
        "aggregation": "count",
        "active": [[None, None]],
    }
    assert line.terms["unit_price"] == "2"
    assert line.snapshot == one.snapshot


def test_a_held_draft_holds_what_comes_after_it(calls):
    acme = making.customer()
    begin(acme, making.product(fee=1), "2026-01-01")
    begin(making.customer("Other"), making.product(fee=1), "2026-01-02")
    bill("2026-01-01")
    Invoice.objects.update(is_held=True)

    bill("2026-02-02T00:00")

    assert [one[0].split()[4:6] for one in invoices(status="issued")] == [["0", "Other"]]


def test_figures_that_cannot_be_stored_hold_their_draft_and_nobody_elses():
    hours = making.meter("hours", "sum", "n")
    acme = making.customer()
    begin(acme, making.product(per_unit(hours, "99999")), "2026-01-01")
    begin(making.customer("Other"), making.product(fee=1), "2026-01-02")
    use(acme, "hours", "2026-01-10", n=10**25)

    assert bill("2026-02-01T01:00") == BillingReport(2, 1, 1, 0)

    held = Invoice.objects.get(is_held=True)
    assert held.hold_reason == (
        f"AmountTooLarge: An amount of this invoice is above {2**63 - 1}, the most that is stored: “Hours” comes to "
        f"{99999 * 10**25} minor units. Void the events that were sent with a mistaken quantity, then issue the invoice by hand."
    )
    voids.void(event=Event.objects.get(), reason="In millions", actor=ACTOR, now=utc("2026-02-01T02:00"))
    assert issue_by_hand(draft=held, actor=ACTOR, now=utc("2026-02-01T03:00")).total == 0


def test_a_meter_that_cannot_be_read_holds_its_own_drafts_and_nobody_elses(calls):
    broken = making.meter("hours")
    Meter.objects.filter(id=broken.id).update(filter={"conjunction": "nor", "clauses": []})
    begin(making.customer(), making.product(per_unit(broken)), "2026-01-01")
    begin(making.customer("Other"), making.product(per_unit(calls)), "2026-01-01")

    assert bill("2026-02-01T01:00") == BillingReport(2, 1, 1, 0)

    assert Invoice.objects.get(is_held=True).hold_reason.startswith("FilterInvalid: ")


def test_a_draft_whose_point_is_gone_is_held_with_the_reason():
    subscription = begin(making.customer(), making.product(fee=1), "2026-01-01")
    begin(making.customer("Other"), making.product(fee=1), "2026-01-01")
    bill("2026-03-01")
    Subscription.objects.filter(id=subscription.id).update(ends_at=utc("2026-01-15"))  # no verb does so any more

    assert bill("2026-03-02").held_count == 1

    reason = Invoice.objects.get(is_held=True).hold_reason
    assert reason == f"LookupError: subscription {subscription.public_id} has no billing point 2"


def test_a_draft_that_has_lost_its_fee_is_issued_over_zero_and_ends_the_run():
    subscription = begin(making.customer(), making.product(fee=100), "2026-02-01", now="2026-01-01")
    bill("2026-02-01")
    subscription.phases.update(product=making.product(name="Free"))  # no verb does so any more

    assert bill("2026-02-02").issued_count == 1

    assert invoices() == [["INV-2026-000001 opening paid point 0 Acme 2026-02-01 to 2026-03-01", "total 0, due 0"]]


def test_a_run_ahead_of_the_clock_must_be_meant(settings):
    settings.DEVELOPMENT = False
    ahead = database_now() + timedelta(hours=1)

    with pytest.raises(AheadOfClock, match="ahead of the database's clock"):
        run_billing(now=ahead, actor=ACTOR)

    assert run_billing(now=ahead, actor=ACTOR, ahead=True) == BillingReport(0, 0, 0, 0)


def test_the_command_says_what_it_did(capsys, calls):
    begin(making.customer(), making.product(per_unit(calls)), "2026-01-01")

    call_command("run_billing", now="2026-02-01T01:00:00Z")

    assert capsys.readouterr().out == (
        "As of 2026-02-01T01:00:00+00:00: 1 drafted, 1 issued, 0 held, 0 credit periods settled.\n"
    )


def test_the_command_names_a_time_that_it_cannot_read():
    with pytest.raises(CommandError, match="'yesterday' is not a time"):
        call_command("run_billing", now="yesterday")


def test_more_drafts_take_no_more_statements(calls, django_assert_max_num_queries):
    product = making.product(per_unit(calls), fee=1)
    begin(making.customer("First"), product, "2026-01-01")
    with CaptureQueriesContext(connection) as for_one:
        bill("2026-01-01T01:00")
    for number in range(11):
        begin(making.customer(f"C{number:02}"), product, "2026-01-02")

    with django_assert_max_num_queries(len(for_one)):
        bill("2026-01-02T01:00")

    assert Invoice.objects.filter(number__isnull=False).count() == 12
