"""A printed invoice read back: line by line and total by total what the API answers, however long it is."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core import formatting
from core.ids import public_id
from invoices.models import Invoice, InvoiceLine, InvoiceTax
from invoices.tests.reading import pages
from invoices.tests.story import begin, bill, use
from products.tests import making
from products.tests.making import per_unit

HINDI = "आदित्य बिड़ला"


def with_lines(count: int) -> Invoice:
    """Bill a cycle in the product's own way, then write the invoice again with as many lines as wanted, each of its own figures."""
    calls = making.meter("call")
    customer = making.customer(HINDI, tax_rate="0.18", city="मुंबई", country="IN")
    begin(customer, making.product(per_unit(calls, "1.5", free_threshold=1), name="एपीआई"), "2026-01-01")
    use(customer, "call", "2026-01-10", times=3)
    bill("2026-02-01T01:00")
    invoice, line = Invoice.objects.get(point=1), InvoiceLine.objects.get(kind="usage")
    tax = invoice.taxes.get()
    amounts = [number * 7 for number in range(1, count + 1)]
    subtotal = sum(amounts)
    taxed = tax_of(subtotal)
    invoice.pk, invoice.public_id, invoice.number = None, public_id("inv"), "INV-2026-000900"
    invoice.series_number, invoice.point = 900, 2
    invoice.subtotal, invoice.tax_amount, invoice.total = subtotal, taxed, subtotal + taxed
    invoice.save(force_insert=True)
    tax.pk, tax.invoice, tax.taxable_amount, tax.amount = None, invoice, subtotal, taxed
    InvoiceTax.objects.bulk_create([tax])
    fields = {field.attname: getattr(line, field.attname) for field in line._meta.concrete_fields}
    del fields["id"], fields["public_id"]
    figures = (
        {"position": n, "description": f"एपीआई {n}", "quantity": Decimal(n) / 4, "amount": amount, "unrounded_amount": amount}
        for n, amount in enumerate(amounts)
    )
    InvoiceLine.objects.bulk_create([InvoiceLine(**{**fields, "invoice_id": invoice.pk, **own}) for own in figures])
    return invoice


def tax_of(subtotal: int) -> int:
    return (subtotal * 18 + 50) // 100


def squeezed(text: str) -> str:
    """Leave out white space, which the setting makes."""
    return "".join(text.split())


def expected(answer: Any) -> list[str]:
    """What must stand on the paper, in this order."""

    def amount(minor: int) -> str:
        return formatting.amount(minor, answer["currency"])

    rows = [
        f"{formatting.quantity(Decimal(line['quantity']))} call "
        f"{formatting.exact_amount(Decimal(line['unit_price']), answer['currency'])} {amount(line['amount'])}"
        for line in answer["lines"]
    ]
    (tax,) = answer["taxes"]
    totals = (("Subtotal", "subtotal"), ("Total", "total"), ("Amount due", "amount_due"))
    shown = {name: f"{label} {amount(answer[name])}" for label, name in totals}
    lines = [part for line, row in zip(answer["lines"], rows, strict=True) for part in (line["description"], row)]
    return [answer["number"], HINDI, "मुंबई", *lines, shown["subtotal"], amount(tax["amount"]), shown["total"], shown["amount_due"]]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [40, 2000])
def test_the_paper_says_what_the_api_says(call: Callable[..., Any], count: int) -> None:
    invoice = with_lines(count)

    answer = call("GET", f"/invoices/{invoice.public_id}").body
    printed = call("GET", f"/invoices/{invoice.public_id}/pdf").raw

    text = squeezed("".join(pages(printed)))
    place = 0
    for part in expected(answer):
        found = text.find(squeezed(part), place)
        assert found >= 0, f"{part!r} is missing after {text[place - 200 : place]!r}"
        place = found + len(squeezed(part))
    assert len(answer["lines"]) == count
    rest = re.sub(rf"{answer['number']}Page\d+/\d+", "", text[place:])  # what stands at the foot of each page
    assert rest.startswith("Usageintheperiod")
