"""An issued invoice is paid once, in full."""

from decimal import Decimal

import pytest

from invoices import drafting, payment
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
