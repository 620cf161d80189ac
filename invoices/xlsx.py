"""Write invoices or their lines as an XLSX workbook in bounded memory: typed numbers and dates, a frozen header, totals.

Amounts stand in major units, times in UTC. A text is always written as a string, so that no name becomes a formula. What has more
digits than a spreadsheet's numbers hold is written as a string too, whole.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import IO, Any

from django.db.models import QuerySet

from core.money import exponent, plain, to_major
from invoices import export
from invoices.export import Column, Rows
from invoices.models import Invoice

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BLOCK_BYTES = 1 << 20
# A spreadsheet's numbers are binary floats of 15 safe digits; a sheet has 1,048,576 rows.
MOST_DIGITS = 15
ROWS_A_SHEET = 1_000_000
WIDTHS = {"instant": 19, "free": 36, "text": 18}


def stream(invoices: QuerySet[Invoice], rows: Rows, *, made_at: datetime) -> Iterator[bytes]:
    """Yield a workbook in pieces, after it was written whole to a file of its own."""
    with tempfile.TemporaryFile() as file:
        write(invoices, rows, file, made_at=made_at)
        file.seek(0)
        while block := file.read(BLOCK_BYTES):
            yield block


def write(
    invoices: QuerySet[Invoice], rows: Rows, file: IO[bytes], *, made_at: datetime, each: Callable[[int], None] | None = None
) -> int:
    """Write a workbook and give the number of its rows. each: told the number of rows so far, now and then."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    # xlsxwriter is loaded where a workbook is written, and nowhere else.
    with import_module("xlsxwriter").Workbook(file, options) as book:
        book.set_properties({"title": f"Tallybook: {rows}", "created": made_at.astimezone(UTC).replace(tzinfo=None)})
        return _Sheets(book, rows).fill(export.typed(invoices, rows), each)


class _Sheets:
    """The sheets of one workbook; rows go on on another sheet when one is full."""

    def __init__(self, book: Any, rows: Rows) -> None:
        self._book = book
        self._name = rows
        self._columns = export.TABLES[rows].columns
        self._currency = next(n for n, column in enumerate(self._columns) if column.name == "currency")
        self._bold = book.add_format({"bold": True})
        self._formats: dict[int, Any] = {}
        self._totals: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._begin(1)

    def fill(self, rows: Iterator[tuple[Any, ...]], each: Callable[[int], None] | None) -> int:
        count = 0
        for count, row in enumerate(rows, 1):
            if self._row > ROWS_A_SHEET:
                self._begin(count // ROWS_A_SHEET + 1)
            self._write(row)
            if each and count % export.ROWS_AT_ONCE == 0:
                each(count)
        self._write_totals()
        return count

    def _begin(self, number: int) -> None:
        self._sheet = self._book.add_worksheet(self._name if number == 1 else f"{self._name} {number}")
        self._sheet.freeze_panes(1, 0)
        for n, column in enumerate(self._columns):
            self._sheet.set_column(n, n, WIDTHS.get(column.kind, 14))
            self._sheet.write_string(0, n, column.name, self._bold)
        self._row = 1

    def _write(self, row: tuple[Any, ...]) -> None:
        currency = row[self._currency]
        for n, (column, content) in enumerate(zip(self._columns, row, strict=True)):
            if content is not None:
                self._cell(n, column, content, currency)
        self._row += 1

    def _cell(self, n: int, column: Column, content: Any, currency: str) -> None:
        match column.kind:
            case "money":
                self._totals[currency][n] += content
                self._number(n, to_major(content, currency), self._money(currency))
            case "integer" | "decimal":
                self._number(n, Decimal(content))
            case "instant":
                self._sheet.write_datetime(self._row, n, content.astimezone(UTC).replace(tzinfo=None))
            case _:
                self._sheet.write_string(self._row, n, content)

    def _number(self, n: int, number: Decimal, form: Any = None) -> None:
        text = plain(number)
        if len(text.strip("-0.").replace(".", "")) > MOST_DIGITS:
            self._sheet.write_string(self._row, n, text, form)
        else:
            self._sheet.write_number(self._row, n, number, form)

    def _money(self, currency: str, *, is_total: bool = False) -> Any:
        digits = exponent(currency)
        key = -1 - digits if is_total else digits
        if key not in self._formats:
            form = "#,##0" + ("." + "0" * digits if digits else "")
            self._formats[key] = self._book.add_format({"num_format": form, "bold": is_total})
        return self._formats[key]

    def _write_totals(self) -> None:
        """Add a row for each currency; amounts of two are never added."""
        for currency, sums in sorted(self._totals.items()):
            self._sheet.write_string(self._row, 0, "Total", self._bold)
            for n, amount in sorted({**sums, self._currency: 0}.items()):
                if n == self._currency:
                    self._sheet.write_string(self._row, n, currency, self._bold)
                else:
                    self._number(n, to_major(amount, currency), self._money(currency, is_total=True))
            self._row += 1
