"""Exports of invoices and lines as CSV and XLSX, and their journal."""

import csv
import io
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.db import connection

from invoices import export, journal, void, xlsx
from invoices.models import Invoice
from invoices.tests.story import begin, bill, give, use
from meters.models import Meter
from products.tests import making
from products.tests.making import ACTOR, per_unit
from tests import rows as tables

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "=HYPERLINK(1)"


@pytest.fixture
def _billed(db):
    calls = making.meter("call")
    Meter.objects.update(name="-calls")
    acme = making.customer(NAME, tax_rate="0.1")
    begin(acme, making.product(per_unit(calls, "0.015", free_threshold=1), fee=100, name="@Plan"), "2026-01-01")
    use(acme, "call", "2026-01-10", times=3)
    bill("2026-02-01T01:00")
    bill("2026-03-01")


def read(pieces):
    text = b"".join(one if isinstance(one, bytes) else one.encode() for one in pieces).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("_billed")
def test_each_invoice_is_a_row_and_drafts_come_last():
    rows = read(export.csv(Invoice.objects.all(), "invoices"))

    shown = [(r["number"], r["status"], r["customer_name"], r["subtotal"], r["tax"], r["total"], r["amount_due"]) for r in rows]
    assert shown == [
        ("INV-2026-000001", "issued", "'=HYPERLINK(1)", "100", "10", "110", "110"),
        ("INV-2026-000002", "issued", "'=HYPERLINK(1)", "100", "10", "110", "110"),
        ("", "draft", "'=HYPERLINK(1)", "", "", "", ""),
    ]
    assert rows[1]["period_end"] == "2026-02-01T00:00:00Z"


@pytest.mark.usefixtures("_billed")
def test_each_line_is_a_row_with_every_figure():
    rows = read(export.csv(Invoice.objects.filter(kind="regular"), "lines"))

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
    assert read(export.csv(Invoice.objects.none(), "lines")) == []


@pytest.mark.django_db
def test_lines_come_by_number_and_position_whatever_order_they_were_written_in():
    subscription, calls = tables.subscription(tables.customer()), tables.meter()
    later, earlier = (tables.issued(subscription, point=n, series_number=n, number=f"INV-{n}") for n in (9, 8))
    whole = tables.line(later, calls, position=1, description='a "b", c', unrounded_amount=Decimal("1000.50"))
    back = {"kind": "adjustment", "adjusts": whole, "amount": -3, "unrounded_amount": Decimal("-3.000000000001")}
    for of, position, description, more in [
        (later, 0, "two\nlines", {"unit_price": Decimal("0.000000000001")}),
        (earlier, 1, "\uff1dwide", back),
        (earlier, 0, "=1+1", {"meter": None, "kind": "fixed_fee", "quantity": None, "unit_price": None, "snapshot": None}),
        (earlier, 2, "नमस्ते", {"period_start": NOW.replace(microsecond=120_000)}),
    ]:
        tables.line(of, calls, position=position, description=description, **more)

    written = read(export.csv(Invoice.objects.filter(status="issued"), "lines"))

    names = ("number", "position", "description", "unit_price", "unrounded_amount", "amount", "quantity")
    assert [tuple(row[name] for name in names) for row in written] == [
        ("INV-8", "0", "'=1+1", "", "1000", "1000", ""),
        ("INV-8", "1", "'\uff1dwide", "100", "-3.000000000001", "-3", "10"),
        ("INV-8", "2", "नमस्ते", "100", "1000", "1000", "10"),
        ("INV-9", "0", "two\nlines", "0.000000000001", "1000", "1000", "10"),
        ("INV-9", "1", 'a "b", c', "100", "1000.5", "1000", "10"),
    ]
    assert [row["meter_id"] for row in written] == ["", *[calls.public_id] * 4]
    assert [row["adjusts"] for row in written] == ["", whole.public_id, "", "", ""]
    assert written[2]["period_start"] == "2026-03-01T00:00:00.12Z"


@pytest.mark.usefixtures("_billed")
def test_a_lines_description_is_no_formula():
    rows = read(export.csv(Invoice.objects.filter(kind="regular"), "lines"))

    assert [row["description"] for row in rows] == ["'@Plan", "'-calls"]


@pytest.mark.usefixtures("_billed")
def test_no_export_is_cut_off_by_the_time_out_of_pages():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 100")

    rows = export.typed(Invoice.objects.all(), "invoices")
    next(rows)

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    assert len(list(rows)) == 2


@pytest.mark.usefixtures("_billed")
def test_a_workbook_has_typed_cells_frozen_headers_totals_and_no_formula():
    invoices, lines = (
        openpyxl.load_workbook(io.BytesIO(b"".join(xlsx.stream(Invoice.objects.all(), rows, made_at=NOW)))).active
        for rows in ("invoices", "lines")
    )

    header = [cell.value for cell in invoices[1]]
    first, total = (dict(zip(header, invoices[row], strict=True)) for row in (2, 5))
    assert invoices.freeze_panes == "A2"
    assert (first["customer_name"].value, first["customer_name"].data_type) == (NAME, "s")
    assert (first["total"].value, first["total"].number_format) == (1.1, "#,##0.00")
    assert (first["period_start"].value, first["issued_at"].is_date) == (datetime(2026, 1, 1), True)  # noqa: DTZ001
    assert (total["number"].value, total["currency"].value, total["total"].value) == ("Total", "USD", 2.2)
    usage = dict(zip([cell.value for cell in lines[1]], [cell.value for cell in lines[4]], strict=True))
    assert (usage["quantity"], usage["unrounded_amount"], usage["amount"]) == (3, 0.03, 0)
    assert not [cell for row in (*invoices.rows, *lines.rows) for cell in row if cell.data_type == "f"]


def test_every_invoice_of_the_journal_sums_to_zero(db, settings):
    """Fee 100.00 and 200 calls at 1.00, of which 50.00 by credit, 10 % tax inside one customer's prices and on top of the other's."""
    settings.JOURNAL_ACCOUNTS = ["receivables=1200"]
    calls = making.meter("call")
    product = making.product(per_unit(calls, "100"), fee=10000)
    for name, inclusive in (("Inside", True), ("On top", False)):
        customer = making.customer(name, tax_rate="0.1")
        give(customer, Decimal(5000), "2026-01-01", name="Promo")
        give(customer, Decimal(3000), "2026-01-01", name="Wallet", applies_to="invoice")
        sold = making.product(per_unit(calls, "100"), fee=10000, is_tax_inclusive=True, name="Gross") if inclusive else product
        begin(customer, sold, "2026-01-01")
        use(customer, "call", "2026-01-10", times=200)
    bill("2026-02-01T01:00")
    void.void(invoice=Invoice.objects.get(point=1, customer__name="Inside"), then="waive", reason="x", actor=ACTOR, now=NOW)

    rows = read(journal.csv(Invoice.objects.all()))

    sums = defaultdict(Decimal)
    for row in rows:
        sums[row["invoice_number"], row["currency"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    assert set(sums.values()) == {Decimal(0)}
    assert len(sums) == 5
    booked = [(r["account"], r["debit"], r["credit"]) for r in rows if r["invoice_number"] == number(name="On top")]
    assert booked == [
        ("1200", "275.00", ""),
        ("credits", "50.00", ""),
        ("revenue.fixed_fee", "", "100.00"),
        ("revenue.usage", "", "200.00"),
        ("tax", "", "25.00"),
    ]
    note = {r["account"] for r in rows if r["invoice_number"].startswith("CN")}
    assert "credit_notes" in note
    assert not any(account.startswith("revenue") for account in note)


def number(*, name):
    return Invoice.objects.get(point=1, kind="regular", customer__name=name).number


def test_included_tax_comes_off_the_kinds_in_which_it_lies():
    revenue = {"fixed_fee": (1000, 1000), "usage": (101, 101)}
    one = journal.Booked(revenue, "INV-1", NOW, "USD", "regular", 1101, 0, 0, 0, 100, 0)

    booked = {entry.account: entry.amount for entry in journal.entries(one) if entry.amount}

    assert booked == {"receivables": 1101, "revenue.fixed_fee": -909, "revenue.usage": -92, "tax": -100}
