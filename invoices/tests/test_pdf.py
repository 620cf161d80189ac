"""Printed invoices: what stands on the paper is what the API answers, and texts stay texts."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pypdf
import pytest

from core import formatting
from core.periods import Period
from invoices import document, pdf, usage_chart, void
from invoices.models import Invoice
from invoices.tests.reading import pages, right_of
from invoices.tests.story import begin, bill, give, use
from products.tests import making
from products.tests.making import ACTOR, per_unit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HINDI = "आदित्य बिड़ला"
MARKUP = '#image("/etc/passwd") *bold* $x$ \\ [x] "#read"'


def paper(**changes):
    """A document of its own, without a database."""
    words = {"seller": "From", "customer": "Billed to", "due": "Amount due", "page": "Page", "usage": "Usage", "trial": "Trial"}
    words["columns"] = ["Description", "Quantity", "Unit price", "Amount"]
    head = {"language": "en", "title": "Invoice 1", "heading": "Invoice", "name": "1", "stamp": "", "due_note": "", "facts": []}
    parties = {"seller": {"name": "Seller & Co", "address": []}, "customer": {"name": "Acme", "address": []}}
    totals = [{"label": "Total", "shown": "$9.99", "is_result": True}]
    rest = {"lines": [], "trial": [], "totals": totals, "due": "$9.99", "charts": [], "memo": "", "footer": ""}
    return {**head, **parties, **rest, "words": words, **changes}


def line(**changes):
    return {"description": "", "note": "", "quantity": "", "unit_price": "", "amount": "", "steps": [], **changes}


def text_of(printed):
    return " ".join(pages(printed))


@pytest.fixture
def billed(db):
    """A cycle with 350 calls, 100 of them free and 50 from credit, at $0.015, under names that typst would run."""
    calls = making.meter("call")
    customer = making.customer(MARKUP, tax_rate="0.18", tax_id="27AAACB", city="Mumbai", country="IN")
    give(customer, Decimal(50), "2026-01-01", meter=calls, name="Welcome")
    begin(customer, making.product(per_unit(calls, "1.5", free_threshold=100), fee=4900), "2026-01-01")
    use(customer, "call", "2026-01-10", times=150)
    use(customer, "call", "2026-01-31", times=200)
    bill("2026-02-01T01:00")
    return document.ROWS.get(point=1)


def test_every_figure_of_an_invoice_stands_on_its_paper_and_names_stay_text(billed):
    text = text_of(pdf.of_invoice(billed, now=NOW))

    assert f"Billed to {MARKUP} Mumbai India acme@example.com Tax ID: 27AAACB" in text
    assert (
        "Quantity 350 Free units −100 From credit: Welcome −50 Chargeable 200 200 × $0.015 $3.00 Amount $3.00 350 call $0.015 $3.00"
    ) in text
    assert "Subtotal $52.00 Tax of 18% $9.36 Total $61.36 Amount due $61.36" in text
    assert "due 15 Feb 2026" in text
    assert text.endswith("INV-2026-000002 Page 1 / 1")


@pytest.mark.django_db(transaction=True)
def test_an_issued_invoice_prints_the_same_bytes_whatever_came_since_and_is_pdf_a(billed):
    first = pdf.of_invoice(billed, now=NOW)
    use(billed.customer, "call", "2026-01-20", times=3)
    billed.customer.name = "Renamed"
    billed.customer.save()

    again = pdf.of_invoice(document.ROWS.get(point=1), now=datetime(2027, 1, 1, tzinfo=UTC))

    assert again == first
    assert b"<pdfaid:part>2</pdfaid:part>" in first


@pytest.mark.django_db(transaction=True)
def test_the_chart_counts_each_day_of_the_cycle(billed):
    (chart,) = document.of_invoice(billed, now=NOW)["charts"]

    assert len(chart["bars"]) == 31
    assert {day: height for day, height in enumerate(chart["bars"], 1) if height} == {10: 750, 31: 1000}
    assert (chart["peak"], chart["first"], chart["latest"]) == ("most: 200 call", "1 Jan 2026", "31 Jan 2026")


def test_a_draft_is_marked_and_a_credit_note_negates(billed):
    note = void.void(invoice=Invoice.objects.get(point=1, kind="regular"), then="waive", reason="wrong", actor=ACTOR, now=NOW)
    bill("2026-03-01")

    draft = text_of(pdf.of_invoice(document.ROWS.get(status="draft"), now=NOW))
    credit = text_of(pdf.of_invoice(document.ROWS.get(pk=note.pk), now=NOW))
    voided = text_of(pdf.of_invoice(document.ROWS.get(point=1, kind="regular"), now=NOW))

    assert draft.startswith("DRAFT")
    assert MARKUP in draft
    assert "Credit note CN-2026-000001" in credit
    assert "Corrects INV-2026-000002" in credit
    assert "Subtotal −$52.00 Tax of 18% −$9.36 Total −$61.36" in credit
    assert voided.startswith("VOID")


def test_long_invoices_carry_every_line_in_order():
    amounts = [formatting.amount(number * 7, "USD") for number in range(100)]
    shown = paper(lines=[line(description=f"Line {n}", amount=amount) for n, amount in enumerate(amounts)])

    printed = pages(pdf.render(shown, made_at=NOW))

    words = " ".join(printed).split()
    assert [word for word in words if word.startswith("$")] == ["$9.99", *amounts, "$9.99"]
    assert all("Unit price" in page for page in printed[:-1])
    assert printed[-1].split()[-4:] == ["Page", str(len(printed)), "/", str(len(printed))]


@pytest.mark.parametrize("count", range(15, 22))
def test_totals_never_stand_alone_on_a_page(count):
    lines = [line(description=f"Line {number}.", note="January") for number in range(1, count + 1)]
    totals = [{"label": f"Sum {number}", "shown": "$1", "is_result": False} for number in range(6)]

    *_, last = pages(pdf.render(paper(lines=lines, totals=totals), made_at=NOW))

    assert f"Line {count}. January" in last
    assert "Description Quantity Unit price Amount" in last
    assert all(f"Sum {number} $1" in last for number in range(6))


def test_names_in_hindi_are_set_in_a_font_that_has_them():
    reader = pypdf.PdfReader(io.BytesIO(pdf.render(paper(customer={"name": HINDI, "address": []}), made_at=NOW)))

    fonts = {font.get_object()["/BaseFont"].partition("+")[2] for font in reader.pages[0]["/Resources"]["/Font"].values()}
    assert "NotoSansDevanagari-Bold" in fonts


def test_a_printed_invoice_has_what_pdf_a_asks_for_and_nothing_that_it_forbids():
    """As far as the structure shows it; typst holds the rest to ISO 19005-2 itself, and refuses what it cannot."""
    reader = pypdf.PdfReader(io.BytesIO(pdf.render(paper(customer={"name": HINDI, "address": []}), made_at=NOW)))

    root, objects = (
        reader.trailer["/Root"],
        [reader.get_object(n) for n in range(1, len(reader.xref[0]) + len(reader.xref_objStm))],
    )
    dictionaries = [one for one in objects if isinstance(one, pypdf.generic.DictionaryObject)]
    (intent,) = root["/OutputIntents"]
    described = [one for one in dictionaries if one.get("/Type") == "/FontDescriptor"]
    metadata = root["/Metadata"].get_data().decode()
    assert (intent["/S"], "/DestOutputProfile" in intent) == ("/GTS_PDFA1", True)
    assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert described
    assert all(one.keys() & {"/FontFile2", "/FontFile3"} for one in described)
    assert not any(one.keys() & {"/JavaScript", "/JS", "/AA", "/OpenAction", "/EmbeddedFiles"} for one in dictionaries)
    assert "/ID" in reader.trailer
    assert not reader.is_encrypted


def test_a_script_without_a_font_is_printed_all_the_same():
    assert "𒀀" in text_of(pdf.render(paper(memo="Gilgamesh 𒀀"), made_at=NOW))


def test_the_logo_takes_the_place_of_the_name(settings, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="10"><rect width="40" height="10" fill="red"/></svg>'
    )
    plain = text_of(pdf.render(paper(), made_at=NOW))
    settings.INVOICE_LOGO = str(logo)

    branded = text_of(pdf.render(paper(), made_at=NOW))

    assert (plain.count("Seller & Co"), branded.count("Seller & Co")) == (2, 1)


def test_a_year_is_charted_by_month():
    year = usage_chart.windows(Period(making.utc("2026-01-01"), making.utc("2027-01-01")))

    assert [day.isoformat() for day, _ in year][:3] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert len(year) == 12


def test_a_long_step_breaks_in_its_own_half_and_its_figure_stays_in_the_column():
    steps = [
        {"label": "9,152,500,172,601 × €0.000000000019", "shown": "€173.897503279419", "is_result": False},
        {"label": "Amount", "shown": "€173.90", "is_result": True},
    ]

    printed = pdf.render(paper(lines=[line(steps=steps)]), made_at=NOW)

    right = [right_of(printed, step["shown"]) for step in steps]
    assert right[0] == pytest.approx(right[1], abs=1)
    assert "9,152,500,172,601 × €0.000000000019 €173.897503279419 Amount €173.90" in text_of(printed)
