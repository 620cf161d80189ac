"""An issued invoice is paid once, in full, and that can be taken back; a draft can be written on."""

from decimal import Decimal

import pytest

from invoices import drafting, payment, remarks, void
from invoices.issue import InvoiceNotDraft
from invoices.models import Invoice, InvoiceEvent
from invoices.tests.story import begin, bill, give
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


def test_what_is_due_counts_as_paid():
    acme = making.customer()
    give(acme, Decimal(30), "2026-01-01", applies_to="invoice")
    begin(acme, making.product(fee=100), "2026-01-01")
    bill("2026-01-02")

    paid = payment.pay(invoice=Invoice.objects.get(), actor=ACTOR, now=utc("2026-01-09"), reason="Bank transfer")

    assert (paid.status, paid.total, paid.amount_paid, paid.paid_at) == ("paid", 100, 70, utc("2026-01-09"))
    change = InvoiceEvent.objects.get(to_status="paid")
    assert (change.from_status, change.actor_id, change.reason) == ("issued", "test", "Bank transfer")


def test_it_is_not_paid_twice():
    begin(making.customer(), making.product(fee=100), "2026-01-01")
    bill("2026-01-02")
    payment.pay(invoice=Invoice.objects.get(), actor=ACTOR, now=utc("2026-01-09"))

    with pytest.raises(payment.InvoiceNotIssued, match="not issued, or is paid already"):
        payment.pay(invoice=Invoice.objects.get(), actor=ACTOR, now=utc("2026-01-10"))

    assert InvoiceEvent.objects.filter(to_status="paid").count() == 1


def test_a_draft_cannot_be_paid():
    begin(making.customer(), making.product(fee=100), "2026-01-01")
    drafting.write_drafts(now=utc("2026-01-01"), actor=ACTOR)

    with pytest.raises(payment.InvoiceNotIssued):
        payment.pay(invoice=Invoice.objects.get(), actor=ACTOR, now=utc("2026-01-01"))


def test_a_payment_is_taken_back_with_who_and_why_and_can_be_noted_again():
    begin(making.customer(), making.product(fee=100), "2026-01-01")
    bill("2026-01-02")
    invoice = Invoice.objects.get()
    payment.pay(invoice=invoice, actor=ACTOR, now=utc("2026-01-09"))

    back = payment.unpay(invoice=invoice, actor=ACTOR, now=utc("2026-01-10"), reason="Charged back")
    with pytest.raises(payment.InvoiceNotPaid, match="not marked as paid"):
        payment.unpay(invoice=invoice, actor=ACTOR, now=utc("2026-01-10"), reason="again")
    again = payment.pay(invoice=invoice, actor=ACTOR, now=utc("2026-01-12"))

    assert (back.status, back.amount_paid, back.paid_at) == ("issued", 0, None)
    assert (again.status, again.amount_paid) == ("paid", 100)
    changes = InvoiceEvent.objects.order_by("id").values_list("from_status", "to_status", "reason")
    assert list(changes) == [
        (None, "issued", ""),
        ("issued", "paid", ""),
        ("paid", "issued", "Charged back"),
        ("issued", "paid", ""),
    ]


def test_what_nothing_was_owed_on_stays_paid_and_a_credit_note_asks_for_nothing():
    acme = making.customer()
    give(acme, Decimal(100), "2026-01-01", applies_to="invoice")
    begin(acme, making.product(fee=100), "2026-01-01")
    bill("2026-01-02")
    covered = Invoice.objects.get()

    with pytest.raises(payment.InvoiceNotPaid):
        payment.unpay(invoice=covered, actor=ACTOR, now=utc("2026-01-03"), reason="no")
    note = void.void(invoice=covered, then="waive", reason="test", actor=ACTOR, now=utc("2026-01-03"))
    with pytest.raises(payment.InvoiceNotIssued):
        payment.pay(invoice=note, actor=ACTOR, now=utc("2026-01-03"))


def test_a_draft_is_written_on_until_it_is_issued():
    begin(making.customer(), making.product(fee=100), "2026-01-01")
    drafting.write_drafts(now=utc("2026-01-01"), actor=ACTOR)
    draft = Invoice.objects.get()

    def write(at, **texts):
        remarks.write(draft=draft, remarks=remarks.Remarks(**texts), actor=ACTOR, now=utc(at))

    write("2026-01-01T00:10", memo="Thanks", purchase_order="PO 7")
    write("2026-01-01T00:20", memo="", purchase_order="PO 7")
    bill("2026-01-02")
    with pytest.raises(InvoiceNotDraft):
        write("2026-01-03", memo="Too late")

    issued = Invoice.objects.get()
    assert (issued.status, issued.memo, issued.purchase_order) == ("issued", "", "PO 7")
    kept = issued.remark_changes.order_by("id").values_list("remark", "before", "after", "actor_id", "created_at")
    assert list(kept) == [
        ("memo", "", "Thanks", ACTOR.id, utc("2026-01-01T00:10")),
        ("purchase_order", "", "PO 7", ACTOR.id, utc("2026-01-01T00:10")),
        ("memo", "Thanks", "", ACTOR.id, utc("2026-01-01T00:20")),
    ]
