"""Voiding an invoice: a credit note, credits given back, and the point billed again or waived."""

from csv import DictReader
from decimal import Decimal

import pytest

from credits import grants
from credits.grants import GrantInput
from credits.models import CreditGrant
from events.tests import sending
from invoices import issue, journal, preview, verify, void
from invoices.models import Invoice, InvoiceEvent
from invoices.run import BillingReport
from invoices.tests.story import begin, bill, give, invoices, ledger, use
from products.cancel import Cancellation, cancel_now
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc
from webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)  # verify sees committed events only
LATER = utc("2026-02-10")


@pytest.fixture
def billed():
    """January: 9 calls, 4 of them on units that end with the month, tax, a wallet."""
    calls = making.meter("call")
    acme = making.customer(tax_rate=Decimal("0.1"))
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    units = give(acme, Decimal(6), "2026-01-05", meter=calls, name="units", expires_at=utc("2026-02-01"))
    wallet = give(acme, Decimal(50), "2026-01-01", name="wallet", applies_to="invoice")
    use(acme, "call", "2026-01-02", times=5)
    use(acme, "call", "2026-01-10", times=4)
    bill("2026-02-01T01:00")
    return acme, units, wallet


def cancel(then, **changes):
    one = Invoice.objects.filter(kind="regular", status__in=["issued", "paid"]).get(**changes)
    return void.void(invoice=one, then=then, reason="wrong", actor=ACTOR, now=LATER)


def test_a_credit_note_negates_the_invoice_in_a_series_of_its_own(billed):
    note = cancel("waive")

    assert invoices() == [
        [
            "CN-2026-000001 credit_note issued point 1 Acme 2026-01-01 to 2026-02-01",
            "0 usage Call: -9 - 0 - -4 = -5, -500",
            "tax 0.1 on -500: -50",
            "total -550, due -500",
        ],
        [
            "INV-2026-000001 regular void point 1 Acme 2026-01-01 to 2026-02-01",
            "0 usage Call: 9 - 0 - 4 = 5, 500",
            "credit units usage 4",
            "credit wallet invoice 50",
            "tax 0.1 on 500: 50",
            "total 550, due 500",
        ],
    ]
    assert note.corrects.number == "INV-2026-000001"
    assert [(e.from_status, e.to_status, e.reason) for e in InvoiceEvent.objects.order_by("id")][1:] == [
        (None, "issued", "wrong"),
        ("issued", "void", "wrong"),
    ]
    assert [verify.verify(one).findings for one in Invoice.objects.all()] == [(), ()]


def test_a_waived_point_is_never_billed_again_and_what_was_settled_expires(billed):
    _, units, wallet = billed

    cancel("waive")

    assert bill("2026-02-20") == BillingReport(0, 0, 0, 0)
    assert ledger(units) == [
        ("2026-01-05", "granted", "6"),
        ("2026-01-05", "burned", "-4"),
        ("2026-01-05", "expired", "-2"),
        ("2026-01-05", "returned", "4"),
        ("2026-01-05", "expired", "-4"),
    ]
    assert [entry[1:] for entry in ledger(wallet)] == [("granted", "50"), ("burned", "-50"), ("returned", "50")]


def test_a_point_is_billed_again_from_todays_data_with_the_credits_of_its_time(billed):
    acme, units, _ = billed
    key, _ = sending.make_key()
    late = sending.event("late", acme, event_name="call", timestamp="2026-01-31T23:00:00Z")
    sending.send(key, late, received_at=utc("2026-02-02"))

    cancel("reissue")

    draft = Invoice.objects.get(status="draft")
    assert (draft.revision, preview.of_draft(draft, now=LATER).made.subtotal) == (1, 500)
    assert bill("2026-02-10T00:30").issued_count == 0
    assert bill("2026-02-10T01:00").issued_count == 1
    assert invoices(revision=1) == [
        [
            "INV-2026-000002 regular issued point 1 Acme 2026-01-01 to 2026-02-01",
            "0 usage Call: 10 - 0 - 5 = 5, 500",
            "credit units usage 5",
            "credit wallet invoice 50",
            "tax 0.1 on 500: 50",
            "total 550, due 500",
        ]
    ]
    assert [entry[1:] for entry in ledger(units)][2:] == [
        ("expired", "-2"),
        ("returned", "4"),
        ("returned", "2"),
        ("burned", "-5"),
        ("expired", "-1"),
    ]
    assert all(verify.verify(one).holds for one in Invoice.objects.exclude(status="draft"))


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ("waive", [("credit.expired", "4")]),
        ("reissue", [("credit.expiry_reversed", "2"), ("credit.expired", "2")]),
    ],
)
def test_endpoints_are_told_of_an_expiry_that_is_taken_back_and_of_what_comes_back_too_late(billed, then, expected):
    WebhookEndpoint.objects.create(url="https://example.com", created_at=LATER, updated_at=LATER)

    cancel(then)
    bill("2026-02-10T01:00")

    messages = WebhookMessage.objects.filter(event_type__startswith="credit.").order_by("id")
    assert [(one.event_type, one.payload["data"]["amount"]) for one in messages] == expected


def test_a_new_revision_may_draw_what_had_expired(billed):
    acme, units, _ = billed
    use(acme, "call", "2026-01-11", times=9)

    cancel("reissue")
    bill("2026-02-10T01:00")

    assert "0 usage Call: 18 - 0 - 6 = 12, 1200" in invoices(revision=1)[0]
    assert sum(Decimal(entry[2]) for entry in ledger(units)) == 0


def test_a_new_revision_comes_before_the_customers_later_drafts(billed):
    bill("2026-03-01")
    cancel("reissue")
    later = Invoice.objects.get(status="draft", point=2)

    with pytest.raises(issue.EarlierDraftOpen):
        issue.issue_by_hand(draft=later, actor=ACTOR, now=utc("2026-03-01"))


def test_an_invoice_is_voided_once_and_a_draft_or_a_credit_note_never(billed):
    bill("2026-03-01")
    note = cancel("waive")

    for invoice in (note, note.corrects, Invoice.objects.get(status="draft")):
        with pytest.raises(void.InvoiceNotVoidable):
            void.void(invoice=invoice, then="waive", reason="", actor=ACTOR, now=LATER)


def test_the_outcome_is_one_of_two(billed):
    with pytest.raises(void.VoidOutcomeUnknown):
        cancel("forget")


def test_a_revision_can_be_voided_and_billed_once_more(billed):
    cancel("reissue")
    bill("2026-02-10T01:00")

    cancel("reissue", revision=1)
    bill("2026-02-10T01:00")

    found = Invoice.objects.exclude(kind="credit_note").order_by("revision").values_list("revision", "status", "total")
    assert list(found) == [(0, "void", 550), (1, "void", 550), (2, "issued", 550)]


@pytest.mark.parametrize("then", ["waive", "reissue"])
def test_an_invoice_below_zero_is_voided_with_what_it_carried_forward(then):
    acme = making.customer(tax_rate=Decimal("0.1"))
    subscription = begin(acme, making.product(fee=3100), "2026-01-01")
    cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-11"), prorate=True)
    bill("2026-01-12")
    one = Invoice.objects.get(kind="final")
    assert (one.subtotal, one.tax_amount, one.total, one.carried_forward_amount) == (-2100, -210, 0, 2310)

    note = void.void(invoice=one, then=then, reason="wrong", actor=ACTOR, now=LATER)
    bill("2026-02-10T01:00")

    assert (note.subtotal, note.tax_amount, note.total, note.carried_forward_amount) == (2100, 210, 0, -2310)
    assert [verify.verify(one).findings for one in Invoice.objects.all()] == [()] * Invoice.objects.count()
    given = [sum(e.amount for e in grant.periods.get().entries.all()) for grant in CreditGrant.objects.order_by("id")]
    assert given == ([0] if then == "waive" else [0, 2310])
    booked = list(DictReader("".join(journal.csv(Invoice.objects.exclude(status="draft"))).splitlines()))
    assert sum(Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0) for row in booked) == 0
    assert {(row["account"], row["debit"]) for row in booked if row["debit"] == "23.10"} == {("wallet", "23.10")}


def carry(customer):
    """Give a customer the grant that January's invoice would have left below zero."""
    carried = GrantInput(
        kind="money", amount=Decimal(70), currency="USD", applies_to="invoice", priority=0, effective_at=utc("2026-02-01")
    )
    cause = f"carried:{Invoice.objects.get(point=1).public_id}"
    return grants.create(customer=customer, grant=carried, actor=ACTOR, now=utc("2026-02-01"), cause=cause)


def test_what_a_voided_invoice_carried_forward_pays_for_nothing(billed):
    acme, _units, _wallet = billed
    grant = carry(acme)
    use(acme, "call", "2026-02-05")

    cancel("waive")
    bill("2026-03-01T01:00")

    assert invoices(point=2, kind="regular") == [
        [
            "INV-2026-000002 regular issued point 2 Acme 2026-02-01 to 2026-03-01",
            "0 usage Call: 1 - 0 - 0 = 1, 100",
            "credit wallet invoice 50",
            "tax 0.1 on 100: 10",
            "total 110, due 60",
        ]
    ]
    assert ledger(grant) == [("2026-02-01", "granted", "70"), ("2026-02-01", "voided", "-70")]


@pytest.mark.parametrize("then", ["waive", "reissue"])
def test_what_was_carried_forward_is_free_again_once_the_invoice_that_used_it_is_void(billed, then):
    acme, _units, _wallet = billed
    grant = carry(acme)
    use(acme, "call", "2026-02-05")
    bill("2026-03-01T01:00")
    with pytest.raises(void.CarriedForwardUsed):
        cancel("waive", point=1)
    cancel(then, point=2)

    cancel("waive", point=1)
    bill("2026-03-02")

    assert sum(entry.amount for entry in grant.periods.get().entries.all()) == 0
    again = Invoice.objects.filter(point=2, status="issued", kind="regular").values_list("invoice_credit_amount", flat=True)
    assert list(again) == ([50] if then == "reissue" else [])
