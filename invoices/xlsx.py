"""Write invoices or their lines as an XLSX workbook in bounded memory: typed numbers and dates, a frozen header, totals.

Amounts stand in major units, times in UTC. A text is always written as a string, so that no name becomes a formula. What has more
digits than a spreadsheet's numbers hold is written as a string too, whole. Beyond a million rows the table goes on on a further sheet.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from core.copy_csv import Kind
from core.money import exponent, to_major
from core.workbook import Cell, Heading, Layout, Workbook, instant, number, text
from invoices import export
from invoices.export import Rows
from invoices.models import Invoice

WIDTHS = {"instant": 19, "free": 36, "text": 18}
ROWS_A_PIECE = 2000
MONEY_FORMATS = {digits: "#,##0" + ("." + "0" * digits if digits else "") for digits in (0, 2, 3, 4)}


def stream(invoices: QuerySet[Invoice], rows: Rows, *, made_at: datetime) -> Iterator[bytes]:
    """Yield a workbook in pieces while it is read."""
    table = Table(rows, made_at=made_at)
    yield from table.add(export.typed(invoices, rows))
    yield table.end()


class Table:
    """Invoices or lines as a workbook in the making."""

    def __init__(self, rows: Rows, *, made_at: datetime) -> None:
        columns = export.TABLES[rows].columns
        headings = [Heading(column.name, WIDTHS.get(column.kind, 14)) for column in columns]
        layout = Layout(rows, f"Tallybook: {rows}", headings, tuple(MONEY_FORMATS.values()), made_at)
        self._book = Workbook(layout)
        self._styles = self._book.styles
        self._currency = next(n for n, column in enumerate(columns) if column.name == "currency")
        self._writers = [self._writer(column.kind, n) for n, column in enumerate(columns)]
        self._totals: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.count = 0

    def add(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        """Write rows as export.typed gives them; yield what is ready, now and then."""
        for row in rows:
            currency = row[self._currency]
            self._book.add(
                None if content is None else write(content, currency) for write, content in zip(self._writers, row, strict=True)
            )
            self.count += 1
            if self.count % ROWS_A_PIECE == 0:
                yield self._book.take()

    def end(self) -> bytes:
        """Give the rest: a row of totals for each currency, for amounts of two are never added, and the end of the file."""
        for currency, sums in sorted(self._totals.items()):
            self._book.add(self._total(currency, sums))
        return self._book.end()

    def _writer(self, kind: Kind, n: int) -> Callable[[Any, str], Cell]:
        """Say how a column is written."""
        match kind:
            case "money":
                return lambda amount, currency: self._money(n, amount, currency)
            case "integer":
                return lambda count, _currency: number(Decimal(count))
            case "decimal":
                return lambda quantity, _currency: number(quantity)
            case "instant":
                return lambda moment, _currency: instant(moment, self._styles["instant"])
        return lambda words, _currency: text(words)

    def _money(self, n: int, amount: int, currency: str) -> Cell:
        self._totals[currency][n] += amount
        return number(to_major(amount, currency), self._styles[MONEY_FORMATS[exponent(currency)]])

    def _total(self, currency: str, sums: dict[int, int]) -> Iterator[Cell | None]:
        bold = self._styles["bold"]
        for n in range(len(self._writers)):
            if n in sums:
                yield number(to_major(sums[n], currency), self._styles[f"bold {MONEY_FORMATS[exponent(currency)]}"])
            else:
                yield {0: text("Total", bold), self._currency: text(currency, bold)}.get(n)
