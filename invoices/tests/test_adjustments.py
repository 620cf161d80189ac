"""Late events and voids after issue come as adjustment lines on the next invoice, and every period adds up to the one right invoice."""

import random
from decimal import Decimal

import pgtrigger
import pytest

from credits.models import CreditGrant
from events.models import Event
from invoices import closed, late, preview, verify
from invoices import void as void_invoice
from invoices.late_models import LateUsage
from invoices.models import Invoice, InvoiceLine
from invoices.tests.story import begin, bill, give, invoices, late_event, ledger, use
from meters import rollup
from meters import void as voids
from meters.models import Meter
from products.cancel import Cancellation, cancel_now
from products.change import When, change_product
from products.pricing import rate
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc
from webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)  # snapshots tell committed events only
FEBRUARY, MARCH, APRIL = "2026-02-01T01:00", "2026-03-01T01:00", "2026-04-01T01:00"


@pytest.fixture
def calls():
    return making.meter("call")


def void_event(at, now="2026-02-10"):
    """Void an event of a time."""
    event = Event.objects.filter(timestamp=utc(at), voids=None).first()
    return voids.void(event=event, reason="wrong", actor=ACTOR, now=utc(now))


def lines(point):
    (one,) = invoices(point=point, kind__in=["regular", "final"], status__in=["draft", "issued", "paid"])
    return one[1:]


def rolled():
    rollup.roll_all(now=utc("2026-02-15"))


def test_a_meter_that_cannot_be_read_any_more_holds_its_own_adjustments_and_nobody_elses(calls):
    hours = making.meter("hours")
    for meter, name in ((calls, "call"), (hours, "hours")):
        customer = making.customer(name)
        begin(customer, making.product(per_unit(meter, "100")), "2026-01-01")
        use(customer, name, "2026-01-20")
        bill(FEBRUARY)
        late_event(customer, name, "2026-01-21", "2026-02-02")
    with pgtrigger.ignore("meters.Meter:meter_definition_stands"):
        Meter.objects.filter(id=hours.id).update(filter={"conjunction": "nor", "clauses": []})

    bill(MARCH)

    held = Invoice.objects.get(is_held=True)
    assert (held.customer.name, held.hold_reason.split(":")[0]) == ("hours", "FilterInvalid")
    (issued,) = invoices(point=2, status="issued")
    assert [line for line in issued if "adjustment" in line] == ["1 adjustment Call: 1 - 0 - 0 = 1, 100"]


@pytest.mark.parametrize("is_rolled", [True, False])
def test_late_usage_is_billed_on_the_next_invoice_at_the_tax_of_the_one_it_corrects(calls, is_rolled):
    acme = making.customer(tax_rate=Decimal("0.1"))
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-20", times=5)
    bill(FEBRUARY)
    acme.tax_rate = Decimal("0.2")
    acme.save()
    late_event(acme, "call", "2026-01-31T23:59:59", "2026-02-02")
    use(acme, "call", "2026-02-05", times=2)
    if is_rolled:
        rolled()
    foreseen = preview.of_draft(_drafted(MARCH), now=utc(MARCH)).made

    bill(MARCH)

    assert lines(2) == [
        "0 usage Call: 2 - 0 - 0 = 2, 200",
        "1 adjustment Call: 1 - 0 - 0 = 1, 100",
        "tax 0.1 on 100: 10",
        "tax 0.2 on 200: 40",
        "total 350, due 350",
    ]
    assert (foreseen.subtotal, foreseen.total) == (300, 350)
    assert bill("2026-03-20").issued_count == 0
    bill(APRIL)
    assert lines(3) == ["0 usage Call: 0 - 0 - 0 = 0, 0", "tax 0.2 on 0: 0", "total 0, due 0"]


def _drafted(now):
    bill(now.replace("T01:00", ""))
    return Invoice.objects.get(status="draft")


def proofs():
    return {one.number: verify.verify(one) for one in Invoice.objects.exclude(status="draft").order_by("id")}


def assert_consistent():
    """Whatever happened: every proof holds, no grant holds less than nothing, and a further run finds nothing."""
    assert [proof.findings for proof in proofs().values() if not proof.holds] == []
    for grant in CreditGrant.objects.all():
        for period in grant.periods.all():
            assert sum(entry.amount for entry in period.entries.all()) >= 0
    late.search(now=utc("2027-01-01"))
    assert not late.to_bill().exists()


def test_a_void_after_issue_is_paid_back_and_what_is_below_zero_becomes_money_for_later(calls):
    acme = making.customer(tax_rate=Decimal("0.1"))
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-20", times=5)
    bill(FEBRUARY)
    use(acme, "call", "2026-02-05", times=2)
    for _ in range(3):
        void_event("2026-01-20")

    bill(MARCH)
    use(acme, "call", "2026-03-05", times=4)
    bill(APRIL)

    assert lines(2) == [
        "0 usage Call: 2 - 0 - 0 = 2, 200",
        "1 adjustment Call: -3 - 0 - 0 = -3, -300",
        "tax 0.1 on -100: -10",
        "total 0, due 0",
    ]
    grant = CreditGrant.objects.get()
    assert (grant.amount, grant.applies_to, grant.priority, grant.expires_at) == (110, "invoice", 0, None)
    assert lines(3) == [
        "0 usage Call: 4 - 0 - 0 = 4, 400",
        "credit  invoice 110",
        "tax 0.1 on 400: 40",
        "total 440, due 330",
    ]
    january, february, _ = proofs().values()
    assert [(one.quantity_then, one.quantity_now, one.adjusted_by) for one in january.since_then] == [
        ("5", "2", ("INV-2026-000002",))
    ]
    assert february.since_then == ()
    assert_consistent()


def test_units_that_a_line_drew_go_back_and_more_usage_draws_what_the_same_periods_still_hold(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    lasting = give(acme, Decimal(6), "2026-01-05", meter=calls, name="lasting")
    other = give(acme, Decimal(50), "2026-01-25", meter=calls, name="other", priority=200)
    use(acme, "call", "2026-01-10", times=5)
    bill(FEBRUARY)
    void_event("2026-01-10")
    void_event("2026-01-10")
    bill(MARCH)
    for _ in range(5):
        late_event(acme, "call", "2026-01-12", "2026-03-02")
    rolled()
    bill(APRIL)

    assert lines(1) == ["0 usage Call: 5 - 0 - 5 = 0, 0", "credit lasting usage 5", "total 0, due 0"]
    assert lines(2) == ["0 usage Call: 0 - 0 - 0 = 0, 0", "1 adjustment Call: -2 - 0 - -2 = 0, 0", "total 0, due 0"]
    assert lines(3) == [
        "0 usage Call: 0 - 0 - 0 = 0, 0",
        "1 adjustment Call: 5 - 0 - 3 = 2, 200",
        "credit lasting usage 3",
        "total 200, due 200",
    ]
    assert [entry[1:] for entry in ledger(lasting)] == [
        ("granted", "6"),
        ("burned", "-5"),
        ("returned", "2"),
        ("burned", "-3"),
    ]
    assert [entry[1:] for entry in ledger(other)] == [("granted", "50")]
    assert_consistent()


def test_units_that_go_back_to_a_settled_period_expire(calls):
    WebhookEndpoint.objects.create(url="https://example.com", created_at=making.NEW_YEAR, updated_at=making.NEW_YEAR)
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    units = give(acme, Decimal(4), "2026-01-01", meter=calls, name="units", expires_at=utc("2026-02-01"))
    use(acme, "call", "2026-01-10", times=5)
    bill(FEBRUARY)
    for _ in range(2):
        void_event("2026-01-10")
    bill(MARCH)

    assert lines(2)[1] == "1 adjustment Call: -2 - 0 - -1 = -1, -100"
    assert [entry[1:] for entry in ledger(units)] == [("granted", "4"), ("burned", "-4"), ("returned", "1"), ("expired", "-1")]
    assert WebhookMessage.objects.get(event_type="credit.expired").payload["data"]["amount"] == "1"
    assert_consistent()


def test_a_minimum_is_adjusted_with_its_charge_and_what_comes_to_nothing_makes_no_line(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100", minimum_amount=350)), "2026-01-01")
    use(acme, "call", "2026-01-10", times=3)
    bill(FEBRUARY)
    late_event(acme, "call", "2026-01-12", "2026-02-02")
    void = late_event(acme, "call", "2026-01-13", "2026-02-02")
    voids.void(event=Event.objects.get(event_id=void), reason="twice", actor=ACTOR, now=utc("2026-02-03"))

    bill(MARCH)

    assert lines(1)[:2] == ["0 usage Call: 3 - 0 - 0 = 3, 300", "1 minimum Call: 50"]
    assert lines(2) == [
        "0 usage Call: 0 - 0 - 0 = 0, 0",
        "1 minimum Call: 350",
        "2 adjustment Call: 1 - 0 - 0 = 1, 100",
        "3 adjustment Call: -50",
        "total 400, due 400",
    ]
    assert_consistent()


def test_after_the_end_there_is_one_adjustment_invoice_at_the_end_of_a_month(calls):
    acme = making.customer()
    subscription = begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-10", times=3)
    cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-20"))
    bill("2026-01-20T01:00")
    late_event(acme, "call", "2026-01-12", "2026-01-22")
    late_event(acme, "call", "2026-01-13", "2026-01-23")

    assert bill("2026-02-01T00:30").issued_count == 0
    assert bill("2026-02-01T01:00").issued_count == 1
    assert bill("2026-02-02").issued_count == 0
    void_event("2026-01-10", now="2026-02-03")
    assert bill("2026-02-20").issued_count == 0
    assert bill("2026-03-01T01:00").issued_count == 1

    assert invoices(kind="adjustment") == [
        [
            "INV-2026-000002 adjustment issued point 1 Acme 2026-01-01 to 2026-02-01",
            "0 adjustment Call: 2 - 0 - 0 = 2, 200",
            "total 200, due 200",
        ],
        [
            "INV-2026-000003 adjustment paid point 1 Acme 2026-02-01 to 2026-03-01",
            "0 adjustment Call: -1 - 0 - 0 = -1, -100",
            "total 0, due 0",
        ],
    ]
    assert_consistent()


def cancel(number, then):
    one = Invoice.objects.get(number=f"INV-2026-00000{number}")
    void_invoice.void(invoice=one, then=then, reason="wrong", actor=ACTOR, now=utc("2026-03-10"))


@pytest.fixture
def adjusted(calls):
    """January: 5 calls, 3 of them on units; a late one is billed with February's 2."""
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    units = give(acme, Decimal(4), "2026-01-01", meter=calls, name="units", priority=1)
    use(acme, "call", "2026-01-10", times=3)
    bill(FEBRUARY)
    late_event(acme, "call", "2026-01-12", "2026-02-02")
    late_event(acme, "call", "2026-01-12", "2026-02-02")
    bill(MARCH)
    assert lines(2)[1:3] == ["1 adjustment Call: 2 - 0 - 1 = 1, 100", "credit units usage 1"]
    return acme, units


def test_adjustments_that_a_voided_invoice_carried_become_open_again(adjusted):
    _, units = adjusted
    cancel(2, "waive")
    bill(APRIL)

    assert lines(3)[1:] == ["1 adjustment Call: 2 - 0 - 1 = 1, 100", "credit units usage 1", "total 100, due 100"]
    assert [e[1:] for e in ledger(units)] == [
        ("granted", "4"),
        ("burned", "-3"),
        ("burned", "-1"),
        ("returned", "1"),
        ("burned", "-1"),
    ]
    assert_consistent()


def test_a_point_that_is_billed_again_takes_back_what_was_adjusted_before(adjusted):
    _, units = adjusted
    cancel(1, "reissue")
    bill("2026-03-10T01:00")
    bill(APRIL)

    assert lines(1) == ["0 usage Call: 5 - 0 - 4 = 1, 100", "credit units usage 4", "total 100, due 100"]
    assert lines(3) == [
        "0 usage Call: 0 - 0 - 0 = 0, 0",
        "1 adjustment Call: -2 - 0 - -1 = -1, -100",
        "total 0, due 0",
    ]
    assert [e[1:] for e in ledger(units)] == [
        ("granted", "4"),
        ("burned", "-3"),
        ("burned", "-1"),
        ("returned", "3"),
        ("returned", "1"),
        ("burned", "-4"),
    ]
    assert_consistent()


def test_a_waived_point_is_adjusted_against_its_voided_amounts(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-10", times=3)
    bill(FEBRUARY)
    void_invoice.void(invoice=Invoice.objects.get(), then="waive", reason="goodwill", actor=ACTOR, now=utc("2026-02-03"))
    late_event(acme, "call", "2026-01-12", "2026-02-04")
    bill(MARCH)

    assert lines(2)[1:] == ["1 adjustment Call: 1 - 0 - 0 = 1, 100", "total 100, due 100"]
    assert_consistent()


def test_a_late_event_in_the_earlier_part_of_a_changed_cycle_adjusts_both_parts(calls):
    # Both parts share one tier of 4 at 100: an event more before the change leaves one less of them to the rest, whose last is 10 then.
    old = making.product(per_unit(calls, "70"), name="Old")
    new = making.product(making.tiered(calls, making.tier("4", "100"), making.tier(None, "10")), name="New")
    acme = making.customer()
    subscription = begin(acme, old, "2026-01-01")
    use(acme, "call", "2026-01-05", times=2)
    change_product(subscription=subscription, product=new, when=When.SAME_CYCLE, actor=ACTOR, now=utc("2026-01-16"))
    use(acme, "call", "2026-01-20", times=2)
    bill(FEBRUARY)
    late_event(acme, "call", "2026-01-06", "2026-02-02")
    bill(MARCH)
    void_event("2026-01-06", now="2026-03-02")
    bill(APRIL)

    assert lines(1)[0] == "0 usage Call: 2 - 0 - 0 = 2, 140"
    assert lines(2)[0] == "0 usage Call: 2 - 0 - 0 = 2, 200"
    assert lines(3) == [
        "0 usage Call: 0 - 0 - 0 = 0, 0",
        "1 adjustment Call: 1 - 0 - 0 = 1, 70",
        "2 adjustment Call: 0 - 0 - 0 = 0, -90",
        "total 0, due 0",
    ]
    assert [line for line in lines(4) if "adjustment" in line] == [
        "1 adjustment Call: -1 - 0 - 0 = -1, -70",
        "2 adjustment Call: 0 - 0 - 0 = 0, 90",
    ]
    assert_consistent()


def test_points_that_are_billed_elsewhere_are_never_adjusted(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01", now="2026-02-15", bill_from=utc("2026-03-01"))
    late_event(acme, "call", "2026-01-12", "2026-02-02")
    bill(MARCH)
    late_event(acme, "call", "2026-01-12", "2026-03-02")

    bill(APRIL)

    assert LateUsage.objects.count() == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_late_events_and_voids_all_invoices_of_a_period_add_up_to_the_one_right_charge(calls, seed):
    chance = random.Random(seed)
    acme = making.customer()
    tiers = (making.tier("5", "10", flat_amount=7), making.tier(None, "3.3"))
    begin(acme, making.product(making.tiered(calls, *tiers, minimum_amount=60)), "2026-01-01")
    units = give(acme, Decimal(8), "2026-01-01", meter=calls, name="units")
    use(acme, "call", "2026-01-10", times=6)
    for now in (FEBRUARY, MARCH, APRIL, "2026-05-01T01:00"):
        bill(now)
        for _ in range(chance.randint(0, 4)):
            if chance.random() < 0.5:
                late_event(acme, "call", f"2026-0{chance.choice('12')}-{chance.randint(10, 28)}", now.replace("-01T", "-02T"))
            elif Event.objects.filter(voids=None).exists():
                gone = chance.choice(Event.objects.filter(voids=None).order_by("arrival"))
                voids.void(event=gone, reason="wrong", actor=ACTOR, now=utc(now))
        if chance.random() < 0.5:
            rolled()
    bill("2026-06-01T01:00")

    for slot, one in closed.read(_slots()).items():
        billed = one.billed()
        events = Event.objects.filter(voids=None, timestamp__gte=one.period.start, timestamp__lt=one.period.end).count()
        charge = one.charge(dict.fromkeys({period_id for _, period_id, _ in one.draws}, 0))
        credited = sum(draw.amount for draw in charge.draws)
        right = rate(quantity=events - credited, terms=charge.terms)
        assert (slot.point, billed.amount, billed.minimum_amount) == (slot.point, right.amount, right.minimum_top_up)
    drawn = sum(draw[2] for one in closed.read(_slots()).values() for draw in one.draws)
    assert sum(entry.amount for entry in units.periods.get().entries.all()) == 8 - drawn
    assert_consistent()


def _slots():
    usage_lines = InvoiceLine.objects.filter(kind="usage").select_related("invoice")
    return [closed.slot_of(line) for line in usage_lines]
