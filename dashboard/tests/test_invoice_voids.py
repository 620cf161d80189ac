"""Voiding an invoice from its page: each outcome is shown before it is chosen, and shows what then happens."""

import re
import time
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from threading import Event, Thread

import pytest
import time_machine
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from credits.models import CreditEntry
from customers.models import Customer
from dashboard.tests import world
from invoices import void, void_preview
from invoices.models import Invoice, InvoiceEvent
from invoices.tests.story import begin, bill, give, invoices, ledger, use
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def billed():
    """January: 9 calls at 1.00, 4 of them on units that end with the month, and 0.50 of a wallet."""
    calls, acme = making.meter("call"), making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    give(acme, Decimal(6), "2026-01-05", meter=calls, name="units", expires_at=utc("2026-02-01"))
    wallet = give(acme, Decimal(50), "2026-01-01", name="wallet", applies_to="invoice")
    use(acme, "call", "2026-01-02", times=5)
    use(acme, "call", "2026-01-10", times=4)
    bill("2026-02-01T01:00")
    use(acme, "call", "2026-01-11", times=2)
    return Invoice.objects.get(), wallet


def page_of(client, invoice, **sent):
    address = reverse("dashboard:invoice_void", args=[invoice.public_id])
    response = client.post(address, sent, follow=True) if sent else client.get(address)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_both_outcomes_are_foreseen_and_nothing_is_written(billed):
    invoice, wallet = billed
    before = (invoices(), ledger(wallet), list(InvoiceEvent.objects.values_list("id", flat=True)))

    shown = page_of(world.signed_in("finance"), invoice)

    assert shown.count("−$5.00") == 2
    assert "6 call back" in shown
    assert "4 call back 4 call expire at once" in shown
    assert "New draft, as of now in place of $5.00 $5.00 Call 11 call · 1 – 31 Jan 2026" in shown
    assert (invoices(), ledger(wallet), list(InvoiceEvent.objects.values_list("id", flat=True))) == before


@pytest.mark.parametrize("then", ["reissue", "waive"])
def test_what_was_foreseen_happens(billed, then):
    invoice, _ = billed
    finance = world.signed_in("finance")
    foreseen = void_preview.foresee(invoice=invoice, then=then, actor=ACTOR, now=timezone.now())
    entries = {one.grant.name: (one.back, one.expires, one.taken) for one in foreseen.credit}

    said = page_of(finance, invoice, then=then, reason="wrong price")

    assert "INV-2026-000001 is void. The credit note is CN-2026-000001." in said
    assert ("Billed again Draft" in said) == (then == "reissue") == (foreseen.draft is not None)
    note = Invoice.objects.get(kind="credit_note")
    assert (note.total, note.memo, foreseen.note.total) == (-500, "wrong price", -500)
    moved = {"units": (6, 0, 0) if then == "reissue" else (4, 4, 0), "wallet": (50, 0, 0)}
    assert entries == {name: tuple(map(Decimal, each)) for name, each in moved.items()}
    assert InvoiceEvent.objects.filter(invoice=invoice).latest("id").actor_kind == "user"


def test_what_others_write_while_a_preview_waits_is_no_part_of_it(billed):
    invoice, wallet = billed
    locked, given = Event(), {"kind": "granted", "cause": "beside", "actor_kind": "system", "created_at": timezone.now()}

    def write_beside():
        with closing(connection), transaction.atomic():
            Customer.objects.select_for_update(no_key=True).get()
            CreditEntry.objects.create(period=wallet.periods.get(), amount=Decimal(7), **given)
            locked.set()
            time.sleep(0.5)

    beside = Thread(target=write_beside)
    beside.start()
    locked.wait()
    foreseen = void_preview.foresee(invoice=invoice, then="waive", actor=ACTOR, now=timezone.now())
    beside.join()

    assert {one.grant.name: one.back for one in foreseen.credit} == {"units": Decimal(4), "wallet": Decimal(50)}


def test_an_outcome_and_a_reason_are_asked_for_and_a_void_invoice_is_refused(billed):
    invoice, _ = billed
    finance = world.signed_in("finance")

    assert "Choose what becomes of the billing point." in page_of(finance, invoice, reason="x")
    void.void(invoice=invoice, then="waive", reason="x", actor=ACTOR, now=timezone.now())
    again = page_of(finance, invoice, then="waive", reason="x")

    assert "only an issued or paid invoice can be voided" in again
    assert "Back to the invoice" in again


def test_a_credit_note_asks_for_no_payment_and_is_never_overdue(billed):
    note = void.void(invoice=billed[0], then="waive", reason="x", actor=ACTOR, now=timezone.now())

    with time_machine.travel(note.due_at + timedelta(days=90)):
        finance = world.signed_in("finance")
        listed = finance.get(reverse("dashboard:invoices"), {"kind": "credit_note"}).content.decode()
        own = finance.get(reverse("dashboard:invoice", args=[note.public_id])).content.decode()

    assert note.number in listed
    assert "Overdue" not in listed + own
    assert "To pay" not in own
