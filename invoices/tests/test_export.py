"""Exports of invoices and lines as CSV."""

import csv
import io

import pytest

from invoices import export
from invoices.models import Invoice
from invoices.tests.story import begin, bill, use
from products.tests import making
from products.tests.making import per_unit

pytestmark = pytest.mark.django_db


@pytest.fixture
def _billed():
    calls = making.meter("call")
    acme = making.customer("=HYPERLINK(1)", tax_rate="0.1")
    begin(acme, making.product(per_unit(calls, "0.015", free_threshold=1), fee=100), "2026-01-01")
    use(acme, "call", "2026-01-10", times=3)
    bill("2026-02-01T01:00")
    bill("2026-03-01")


def read(lines):
    return list(csv.DictReader(io.StringIO("".join(lines))))


@pytest.mark.usefixtures("_billed")
def test_each_invoice_is_a_row_and_drafts_come_last():
    rows = read(export.invoices_csv(Invoice.objects.all()))

    shown = [(r["number"], r["status"], r["customer_name"], r["subtotal"], r["tax"], r["total"], r["amount_due"]) for r in rows]
    assert shown == [
        ("INV-2026-000001", "issued", "'=HYPERLINK(1)", "100", "10", "110", "110"),
        ("INV-2026-000002", "issued", "'=HYPERLINK(1)", "100", "10", "110", "110"),
        ("", "draft", "'=HYPERLINK(1)", "", "", "", ""),
    ]
    assert rows[1]["period_end"] == "2026-02-01T00:00:00Z"


@pytest.mark.usefixtures("_billed")
def test_each_line_is_a_row_with_every_figure():
    rows = read(export.lines_csv(Invoice.objects.filter(kind="regular")))

    assert [
        (
            r["number"],
            r["kind"],
            r["quantity"],
            r["free_quantity"],
            r["chargeable_quantity"],
            r["unit_price"],
            r["unrounded_amount"],
            r["amount"],
        )
        for r in rows
    ] == [
        ("INV-2026-000002", "fixed_fee", "", "0", "0", "", "100", "100"),
        ("INV-2026-000002", "usage", "3", "1", "2", "0.015", "0.03", "0"),
    ]
