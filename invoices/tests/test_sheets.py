"""What a reader sees of an amount: every step, on drafts and issued invoices alike."""

from decimal import Decimal

import pytest

from invoices import preview, sheets, void
from invoices.models import Invoice
from invoices.tests.story import begin, bill, use
from products import catalogue, change
from products.catalogue import MeterPriceInput
from products.change import When
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    return making.meter("call")


def steps(sheet, kind):
    return [[(step.label, step.shown) for step in line.steps] for line in sheet.lines if line.kind == kind]


def of_draft(point, now):
    return sheets.of_preview(preview.of_draft(Invoice.objects.get(point=point, status="draft"), now=utc(now)))


def issued(point, **more):
    return sheets.of_issued(Invoice.objects.get(point=point, number__isnull=False, **more))


def test_an_amount_below_its_minimum_says_so_and_an_adjustment_how_the_right_amount_comes_about(calls):
    acme = making.customer()
    begin(acme, making.product(making.per_unit(calls, "2.5", minimum_amount=100)), "2026-01-01")
    use(acme, "call", "2026-01-05")
    bill("2026-02-01T01:00")
    use(acme, "call", "2026-01-06", times=50)
    bill("2026-03-01T00:10")
    draft = of_draft(2, "2026-03-01T00:10")

    bill("2026-03-01T01:00")

    (january,) = steps(issued(1), "usage")
    assert january[2:] == [
        ("1 × $0.025", "$0.025"),
        ("Rounding", "$0.005"),
        ("Amount", "$0.03"),
        ("Missing to the minimum of $1.00, a line of its own", "$0.97"),
    ]
    adjusted, minimum = steps(issued(2), "adjustment")
    assert adjusted == [
        ("Quantity by now", "51"),
        ("Chargeable", "51"),
        ("51 × $0.025", "$1.275"),
        ("Rounding", "$0.005"),
        ("The right amount by now", "$1.28"),
        ("Billed before", "−$0.03"),
        ("Adjustment", "$1.25"),
    ]
    assert minimum == [("The right amount by now", "$0.00"), ("Billed before", "−$0.97"), ("Adjustment", "−$0.97")]
    assert steps(draft, "adjustment") == [adjusted, minimum]


def test_a_credit_note_leaves_the_steps_to_what_it_corrects(calls):
    acme = making.customer()
    begin(acme, making.product(making.per_unit(calls, "2")), "2026-01-01")
    use(acme, "call", "2026-01-05")
    bill("2026-02-01T01:00")
    use(acme, "call", "2026-01-06")
    bill("2026-03-01T01:00")

    void.void(invoice=Invoice.objects.get(point=2), then="waive", reason="wrong", actor=ACTOR, now=utc("2026-03-02"))

    note = issued(2, kind="credit_note")
    assert [(line.kind, line.amount, line.steps) for line in note.lines] == [("usage", 0, []), ("adjustment", -2, [])]


def test_one_package_is_one_package(calls):
    acme = making.customer()
    price = making.per_unit(calls, "250.5", price_model="package", package_size=Decimal(10))
    begin(acme, making.product(price), "2026-01-01")
    use(acme, "call", "2026-01-05")
    bill("2026-02-01T01:00")

    assert steps(issued(1), "usage")[0][2] == ("1 package × $2.505", "$2.505")


def prices(sheet):
    return [line.price for line in sheet.lines if line.kind == "usage"]


def test_a_price_is_shown_for_as_many_units_as_its_version_asks(calls):
    acme, stored, boxes, seats = making.customer(), making.meter("bytes"), making.meter("box"), making.meter("seat")
    others = (
        making.per_unit(calls, "0.1"),
        MeterPriceInput(boxes.public_id, Decimal(500), price_model="package", package_size=Decimal(12)),
        making.tiered(seats, making.tier("10", "5"), making.tier(None, "3")),
    )
    sold = making.product(*others, making.per_unit(stored, "0.0000000019", display_per=10**9))
    begin(acme, sold, "2026-01-01")
    use(acme, "bytes", "2026-01-05")
    bill("2026-02-01T00:10")
    draft = prices(of_draft(1, "2026-02-01T00:10"))
    bill("2026-02-01T01:00")
    otherwise = making.price(*others, making.per_unit(stored, "0.0000000019", display_per=1000))
    catalogue.update_price(product=sold, price=otherwise, actor=ACTOR, now=utc("2026-02-15"))

    january = prices(issued(1))
    bill("2026-04-01T01:00")

    assert january == draft == ["$0.001", "$5.00 per package of 12", "Graduated", "$0.019 per 1,000,000,000"]
    assert (prices(issued(1))[-1], prices(issued(3))[-1]) == ("$0.019 per 1,000,000,000", "$0.000000019 per 1,000")


def test_what_an_issued_invoice_shows_stays_when_the_subscription_gets_a_product_that_shows_the_same_price_otherwise(calls):
    acme = making.customer()
    plain, bundled = (making.product(making.per_unit(calls, "0.002", display_per=per), name=str(per)) for per in (1, 1000))
    subscription = begin(acme, plain, "2026-01-01")
    use(acme, "call", "2026-01-05")
    bill("2026-02-01T01:00")
    do = {"when": When.NEW_CYCLE, "actor": ACTOR, "now": utc("2026-02-10")}

    change.change_product(subscription=subscription, product=bundled, **do)
    bill("2026-03-10T01:00")

    assert [prices(issued(point)) for point in (1, 2, 3)] == [["$0.00002"], ["$0.00002"], ["$0.02 per 1,000"]]


def test_a_cycle_that_two_products_share_says_what_each_part_was_charged_by(calls):
    bounded = {"minimum_amount": 300, "maximum_amount": 1000}
    first, then = (making.product(making.per_unit(calls, "2", **bounded), name=name) for name in ("First", "Then"))
    acme = making.customer()
    subscription = begin(acme, first, "2026-04-01")
    use(acme, "call", "2026-04-02", times=400)
    change.change_product(subscription=subscription, product=then, when=When.SAME_CYCLE, actor=ACTOR, now=utc("2026-04-16"))
    use(acme, "call", "2026-04-20", times=200)
    bill("2026-04-16T00:10")
    draft = of_draft(1, "2026-04-16T00:10")
    bill("2026-05-02")

    (before,), (rest,) = steps(issued(1), "usage"), steps(issued(2), "usage")

    assert steps(draft, "usage") == [before]
    assert before[-2:] == [("Capped at the maximum for this part of a cycle", "\u2212$3.00"), ("Amount", "$5.00")]
    assert rest == [
        ("Quantity", "200"),
        ("Earlier in the cycle; charged is what these terms add to it", "400"),
        ("Chargeable", "200"),
        ("600 × $0.02", "$12.00"),
        ("\u2212400 × $0.02", "\u2212$8.00"),
        ("Exact amount", "$4.00"),
        ("Capped at the maximum of the whole cycle", "\u2212$2.00"),
        ("Amount", "$2.00"),
    ]
