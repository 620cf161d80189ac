"""Write tables as CSV (RFC 4180, UTF-8) piece by piece, safe to open in a spreadsheet. PURE."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from core.money import plain

Cell = str | int | Decimal | datetime | None

# What a spreadsheet runs as a formula when a text begins with it; names and ids come from strangers.
# Some read the full-width signs as the plain ones.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


BLOCK_BYTES = 1 << 16


class _Line:
    """A file that only hands back what was written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(*, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the lines of a CSV file one by one, the header first; however many rows there are, none is kept."""
    writer = csv.writer(_Line())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([cell(one) for one in row])


def blocks(pieces: Iterable[str | bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Join pieces to blocks of at least BLOCK_BYTES: an answer that is sent line by line costs more to send than to make."""
    held = bytearray()
    for piece in pieces:
        held += piece.encode() if isinstance(piece, str) else piece
        if len(held) >= BLOCK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def cell(content: Cell) -> str:
    """Write one cell: nothing for None, numbers plainly, times as RFC 3339; a text that looks like a formula behind an apostrophe."""
    match content:
        case None:
            return ""
        case datetime():
            return content.isoformat().replace("+00:00", "Z")
        case Decimal():
            return plain(content)
        case int():
            return str(content)
    return f"'{content}" if content.startswith(FORMULA_STARTS) else content
