"""Write one long table as an XLSX workbook, row by row, in memory that does not grow with it.

# Note [Rows between xlsxwriter's lines]
The frame (styles, relations, the head and foot of a sheet) is xlsxwriter's own. Rows are set into it as text, as it would write them in
its constant_memory mode, which takes ten times as long for its checks of every cell; a test holds the two side by side. The archive is
written without seeking and without ZIP64, whose sizes behind the content Excel does not read: hence MOST_BYTES.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import IO, Any, cast

from core.money import plain
from core.sink import Sink

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Excel's own limits are 1,048,576 rows of a sheet and 32,767 characters of a cell; its numbers are binary, of 15 safe digits.
MOST_ROWS = 1_000_000
MOST_CHARACTERS = 32_767
MOST_DIGITS = 15
MOST_BYTES = 1_500_000_000
BLOCK_ROWS = 500
# Level 1 takes a third of the time of level 6, for a file a third larger.
COMPRESSION = 1

_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_FRACTION = 10**11
# What XML cannot hold, and what would read as the escape of it.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9a-fA-F]{4}_)")
_SHEET_PATH = "xl/worksheets/sheet%d.xml"

Cell = str
"""What stands in a cell, as `text`, `number` and `instant` write it."""


@dataclass(frozen=True)
class Heading:
    """A column. width: in characters."""

    name: str
    width: int


@dataclass(frozen=True)
class Layout:
    """What every sheet is made of. formats: number formats, plain and bold, beside those for text, bold text and instants."""

    name: str
    title: str
    headings: Sequence[Heading]
    number_formats: Sequence[str]
    made_at: datetime


class Workbook:
    """A workbook in the making: `add` rows, `take` the bytes that are there, `end` it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._sink = Sink()
        self._zip = zipfile.ZipFile(cast(IO[bytes], self._sink), "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
        self._parts = _frame(layout, sheets=1)
        head, samples, self._foot = _cut(self._parts[_SHEET_PATH % 1])
        self._head = head
        self._letters = re.findall(r'r="([A-Z]+)1"', head)
        self.styles: Mapping[str, int] = dict(zip(_style_names(layout), map(int, re.findall(r's="(\d+)"', samples)), strict=True))
        self._sheets = 0
        self._begin()

    def add(self, cells: Iterable[Cell | None]) -> None:
        """Write a row; None is an empty cell."""
        if self._row > MOST_ROWS or self._bytes > MOST_BYTES:
            self._begin()
        self._row += 1
        row = self._row
        set_cells = [f'<c r="{letter}{row}"{cell}' for letter, cell in zip(self._letters, cells, strict=True) if cell is not None]
        self._rows.append(f'<row r="{row}">{"".join(set_cells)}</row>')
        if len(self._rows) == BLOCK_ROWS:
            self._write_rows()

    def take(self) -> bytes:
        """Give what is ready to be sent."""
        return self._sink.take()

    def end(self) -> bytes:
        """Give the rest of the file."""
        self._finish_sheet()
        for path, part in _frame(self._layout, sheets=self._sheets).items():
            if not path.startswith("xl/worksheets/"):
                self._zip.writestr(_entry(path), part)
        self._zip.close()
        return self._sink.take()

    def _begin(self) -> None:
        if self._sheets:
            self._finish_sheet()
        self._sheets += 1
        self._rows: list[str] = []
        self._row, self._bytes = 1, 0
        self._sheet = self._zip.open(_entry(_SHEET_PATH % self._sheets), "w")
        head = self._head if self._sheets == 1 else self._head.replace(' tabSelected="1"', "")
        self._sheet.write(head.encode())

    def _write_rows(self) -> None:
        block = "".join(self._rows).encode()
        self._bytes += len(block)
        self._sheet.write(block)
        self._rows.clear()

    def _finish_sheet(self) -> None:
        self._write_rows()
        self._sheet.write(self._foot.encode())
        self._sheet.close()


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


@lru_cache(4096)
def text(content: str, style: int | None = None) -> Cell:
    """Write a text; it never becomes a formula, a link or a number. What is longer than a cell holds ends in an ellipsis."""
    if len(content) > MOST_CHARACTERS:
        content = content[: MOST_CHARACTERS - 1] + "…"
    shown = _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", content)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    kept = ' xml:space="preserve"' if content[:1].isspace() or content[-1:].isspace() else ""
    return f'{_style(style)} t="inlineStr"><is><t{kept}>{shown}</t></is></c>'


@lru_cache(4096)
def number(content: Decimal, style: int | None = None) -> Cell:
    """Write a number; one with more digits than a spreadsheet's numbers hold as a text, whole."""
    shown = plain(content)
    if len(shown.strip("-0.").replace(".", "")) > MOST_DIGITS:
        return text(shown, style)
    return f"{_style(style)}><v>{shown}</v></c>"


@lru_cache(4096)
def instant(content: datetime, style: int) -> Cell:
    """Write an instant as a spreadsheet counts them: days since the end of 1899, in UTC."""
    days, rest = divmod((content - _EPOCH) // _MICROSECOND, _DAY)
    fraction = (rest * _FRACTION + _DAY // 2) // _DAY
    return f"{_style(style)}><v>{plain(Decimal(days * _FRACTION + fraction).scaleb(-11))}</v></c>"


def _style(style: int | None) -> str:
    return "" if style is None else f' s="{style}"'


def _style_names(layout: Layout) -> Sequence[str]:
    return ("bold", "instant", *layout.number_formats, *(f"bold {form}" for form in layout.number_formats))


def _frame(layout: Layout, *, sheets: int) -> dict[str, str]:
    """Have xlsxwriter make the workbook without its rows; the second row of the first sheet has a cell of each style."""
    file = io.BytesIO()
    # xlsxwriter is loaded where a workbook is written, and nowhere else.
    with import_module("xlsxwriter").Workbook(file, {"in_memory": True}) as book:
        book.set_properties({"title": layout.title, "created": layout.made_at.astimezone(UTC).replace(tzinfo=None)})
        bold = book.add_format({"bold": True})
        styles = [bold, book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})]
        styles += [
            book.add_format({"num_format": form, "bold": is_bold}) for is_bold in (False, True) for form in layout.number_formats
        ]
        for number in range(sheets):
            sheet = book.add_worksheet(layout.name if number == 0 else f"{layout.name} {number + 1}")
            _write_head(sheet, layout, bold)
            for n, style in enumerate(styles):
                sheet.write_blank(1, n, None, style)
    with zipfile.ZipFile(file) as made:
        return {path: made.read(path).decode() for path in made.namelist()}


def _write_head(sheet: Any, layout: Layout, bold: Any) -> None:
    sheet.freeze_panes(1, 0)
    for n, heading in enumerate(layout.headings):
        sheet.set_column(n, n, heading.width)
        sheet.write_string(0, n, heading.name, bold)


def _cut(sheet: str) -> tuple[str, str, str]:
    """Part a sheet into what stands before its second row, that row, and what stands behind."""
    # Where the sheet ends is not known yet; whoever wants to know counts.
    sheet = re.sub("<dimension[^>]*/>", "", sheet)
    found = re.search('(<row r="2".*?</row>)', sheet)
    if found is None:
        raise AssertionError("xlsxwriter writes its rows otherwise now")
    return sheet[: found.start()], found[0], sheet[found.end() :]
