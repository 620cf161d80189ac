"""Workbooks that a spreadsheet opens: what xlsxwriter would write, no formulas, further sheets when one is full."""

import io
import re
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
import xlsxwriter

from core import workbook
from core.workbook import Heading, Layout, Workbook, instant, number, text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAYOUT = Layout("rows", "Title", (Heading("name", 20), Heading("at", 19), Heading("amount", 14)), ("#,##0.00",), NOON)
ROWS = [
    ("=1+1", NOON, Decimal("0.1")),
    (' <a href="x">&\t', None, Decimal(-5)),
    ("bell \x07 and _x0007_", NOON, Decimal("123456789012345")),
    ("https://example.com", NOON, None),
]


def made(rows):
    book = Workbook(LAYOUT)
    for name, at, amount in rows:
        book.add(
            (
                text(name),
                at and instant(at, book.styles["instant"]),
                None if amount is None else number(amount, book.styles["#,##0.00"]),
            )
        )
    return book.end()


def sheet_of(file):
    with zipfile.ZipFile(io.BytesIO(file)) as parts:
        assert parts.testzip() is None
        return re.sub("<dimension[^>]*/>", "", parts.read("xl/worksheets/sheet1.xml").decode())


def by_xlsxwriter(rows):
    file = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        bold, time, money = (
            book.add_format(one) for one in ({"bold": True}, {"num_format": "yyyy-mm-dd hh:mm:ss"}, {"num_format": "#,##0.00"})
        )
        sheet = book.add_worksheet("rows")
        workbook._write_head(sheet, LAYOUT, bold)
        for n, (name, at, amount) in enumerate(rows, 1):
            sheet.write_string(n, 0, name)
            if at:
                sheet.write_datetime(n, 1, at.replace(tzinfo=None), time)
            if amount is not None:
                sheet.write_number(n, 2, amount, money)
    return file.getvalue()


def test_rows_are_what_xlsxwriter_writes():
    ours, theirs = (re.findall('<row r="[2-9]".*?</row>', sheet_of(file)) for file in (made(ROWS), by_xlsxwriter(ROWS)))

    assert ours == theirs
    assert len(ours) == len(ROWS)


def test_a_spreadsheet_reads_back_what_was_written():
    sheet = openpyxl.load_workbook(io.BytesIO(made([("<r>=x</r>", NOON.replace(minute=34, second=56), Decimal("0.30"))]))).active

    assert [cell.value for cell in sheet[1]] == ["name", "at", "amount"]
    assert [cell.value for cell in sheet[2]] == ["<r>=x</r>", datetime(2026, 3, 1, 12, 34, 56), 0.3]  # noqa: DTZ001
    assert (sheet.freeze_panes, sheet["A1"].font.b, sheet["C2"].number_format) == ("A2", True, "#,##0.00")
    assert sheet["A2"].data_type == "s"


@pytest.mark.parametrize("digits", ["1234567890123456", "-0.1234567890123456"])
def test_what_a_number_of_a_spreadsheet_cannot_hold_is_a_text(digits):
    sheet = openpyxl.load_workbook(io.BytesIO(made([("", NOON, Decimal(digits))]))).active

    assert (sheet["C2"].value, sheet["C2"].data_type) == (digits, "s")


def test_rows_go_on_on_another_sheet(monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)

    book = openpyxl.load_workbook(io.BytesIO(made([(f"row {n}", NOON, None) for n in range(5)])))

    shown = {sheet.title: [row[0] for row in sheet.values] for sheet in book}
    assert shown == {"rows": ["name", "row 0", "row 1"], "rows 2": ["name", "row 2", "row 3"], "rows 3": ["name", "row 4"]}
    assert [bool(sheet.sheet_view.tabSelected) for sheet in book] == [True, False, False]
    assert [sheet.freeze_panes for sheet in book] == ["A2"] * 3


def test_a_text_that_no_cell_holds_ends_in_an_ellipsis():
    sheet = openpyxl.load_workbook(io.BytesIO(made([("x" * 40_000, NOON, None)]))).active

    assert sheet["A2"].value == "x" * 32_766 + "…"
