"""Endpoints are told what becomes of invoices: once for each happening, with ids and whole amounts."""

import pytest

from invoices import payment, void
from invoices.models import Invoice
from invoices.tests.story import begin, bill, use
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc
from webhooks import endpoints
from webhooks.models import WebhookDelivery, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)


def told():
    return [(one.event_type, one.payload["data"]["number"]) for one in WebhookMessage.objects.order_by("id")]


def test_what_becomes_of_an_invoice_is_told_in_its_transaction():
    endpoints.create(url="https://example.com/hook", now=utc("2026-01-01"))
    calls = making.meter("call")
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-20", times=5)
    bill("2026-02-01T01:00")
    use(acme, "call", "2026-01-21", times=2)
    bill("2026-03-01T01:00")
    first, second = Invoice.objects.order_by("series_number")

    for turn in ("2026-03-02", "2026-03-04"):
        payment.pay(invoice=first, actor=ACTOR, now=utc(turn))
        payment.unpay(invoice=first, actor=ACTOR, now=utc(turn), reason="Charged back")
    note = void.void(invoice=second, then="waive", reason="test", actor=ACTOR, now=utc("2026-03-05"))

    assert told() == [
        ("invoice.issued", "INV-2026-000001"),
        ("invoice.issued", "INV-2026-000002"),
        ("invoice.adjusted", "INV-2026-000002"),
        *[("invoice.paid", "INV-2026-000001"), ("invoice.unpaid", "INV-2026-000001")] * 2,
        ("invoice.voided", "INV-2026-000002"),
    ]
    paid = WebhookMessage.objects.filter(event_type="invoice.paid").earliest("id").payload["data"]
    assert paid == {
        "invoice_id": first.public_id,
        "number": "INV-2026-000001",
        "kind": "regular",
        "status": "paid",
        "customer_id": acme.public_id,
        "subscription_id": first.subscription.public_id,
        "currency": "USD",
        "subtotal": 500,
        "tax": 0,
        "total": 500,
        "amount_paid": 500,
        "amount_due": 0,
    }
    voided = WebhookMessage.objects.get(event_type="invoice.voided").payload["data"]
    assert (voided["status"], voided["then"], voided["credit_note_number"]) == ("void", "waive", note.number)
    assert WebhookDelivery.objects.count() == 8


def test_an_invoice_that_nothing_is_owed_on_is_told_as_paid_and_nobody_is_told_what_nobody_wants():
    endpoints.create(url="https://example.com/hook", filter_types=["invoice.paid"], now=utc("2026-01-01"))
    begin(making.customer(), making.product(per_unit(making.meter("call"), "100")), "2026-01-01")

    bill("2026-02-01T01:00")

    assert told() == [("invoice.paid", "INV-2026-000001")]
