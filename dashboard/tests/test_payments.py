from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from access.actors import COMMAND
from dashboard.tests import world
from invoices import payment, void
from invoices.models import Invoice, InvoiceEvent, InvoiceKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance() -> Client:
    calls = world.meter()
    sold = world.subscription(world.customer(), world.product(calls), calls)
    for number, (total, currency) in enumerate([(1000, "USD"), (250, "USD"), (70, "EUR"), (9, "USD")], start=1):
        world.invoice(sold, number=number, total=total, currency=currency)
    return world.signed_in("finance")


def ids(*numbers: int) -> Sequence[str]:
    found = {one.series_number: one.public_id for one in Invoice.objects.exclude(kind=InvoiceKind.CREDIT_NOTE)}
    return [found[number] for number in numbers]


def test_the_chosen_are_summed_by_currency_and_paid_with_one_reference(finance: Client) -> None:
    address = reverse("dashboard:invoices_pay")

    asked = finance.get(address, {"invoice": ids(1, 2, 3)}).content.decode()
    done = finance.post(address, {"invoice": ids(1, 2, 3), "reason": "Statement 47"}, follow=True).content.decode()

    assert all(text in asked for text in ("$12.50", "2 invoices in USD", "€0.70", "1 invoice in EUR", "Mark 3 invoices as paid"))
    assert "$0.09" not in asked
    assert "3 invoices are marked as paid." in done
    assert set(InvoiceEvent.objects.values_list("to_status", "reason")) == {("paid", "Statement 47")}
    assert list(Invoice.objects.filter(status="issued").values_list("series_number", flat=True)) == [4]


def test_what_asks_for_no_payment_any_more_is_left_out_and_said(finance: Client) -> None:
    payment.pay(invoice=Invoice.objects.get(series_number=1), actor=COMMAND, now=world.NOW)
    void.void(invoice=Invoice.objects.get(series_number=2), then="waive", reason="Twice", actor=COMMAND, now=world.NOW)
    note = Invoice.objects.get(kind=InvoiceKind.CREDIT_NOTE).public_id
    address = reverse("dashboard:invoices_pay")

    some = finance.get(address, {"invoice": [*ids(1, 2, 4), note]}).content.decode()
    none = finance.post(address, {"invoice": [*ids(1, 2), note]}, follow=True).content.decode()

    assert "3 of the chosen ask for no payment any more" in some
    assert "Mark 1 invoice as paid" in some
    assert "None of the chosen invoices asks for a payment any more." in none
    assert "Choose the invoices that were paid first." in finance.get(address, follow=True).content.decode()
    assert InvoiceEvent.objects.filter(to_status="paid").count() == 1


def test_what_somebody_else_paid_meanwhile_is_said_after_all_is_done(finance: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    address, pay = reverse("dashboard:invoices_pay"), payment.pay
    payment.pay(invoice=Invoice.objects.get(series_number=1), actor=COMMAND, now=world.NOW)
    before = finance.post(address, {"invoice": ids(1, 2)}, follow=True).content.decode()

    def slower(*, invoice: Invoice, **common: Any) -> Invoice:
        pay(invoice=invoice, actor=COMMAND, now=world.NOW)
        return pay(invoice=invoice, **common)

    monkeypatch.setattr(payment, "pay", slower)
    between = finance.post(address, {"invoice": ids(3, 4)}, follow=True).content.decode()

    assert "1 of the chosen asks for no payment any more and is left out." in before
    assert "1 invoice is marked as paid." in before
    assert [f"INV-2026-00000{n}: This invoice is not issued" in between for n in (3, 4)] == [True, True]
    assert "marked as paid." not in between


def test_only_what_is_to_be_paid_can_be_chosen_and_only_by_those_who_may() -> None:
    world.deployment(size=2)
    payment.pay(invoice=Invoice.objects.get(series_number=1), actor=COMMAND, now=world.NOW)
    address = reverse("dashboard:invoices")

    for_finance = world.signed_in("finance").get(address).content.decode()
    for_a_viewer = world.signed_in("viewer").get(address).content.decode()

    assert for_finance.count('name="invoice"') == 1
    assert "Mark the chosen as paid" in for_finance
    assert "checkbox" not in for_a_viewer
    assert "Mark the chosen as paid" not in for_a_viewer
