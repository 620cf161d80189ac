"""Give an export its form, name and type, the same for pages, the API and jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from django.db.models import QuerySet

from core import workbook
from core.sheets import blocks
from invoices import export, journal, xlsx
from invoices.export import Rows
from invoices.models import Invoice

Format = Literal["csv", "xlsx", "journal"]
FORMATS: tuple[Format, ...] = get_args(Format)
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class File:
    """A file to hand out piece by piece; it reads while it is sent."""

    name: str
    content_type: str
    body: Iterable[bytes]


def file(form: Format, invoices: QuerySet[Invoice], rows: Rows, *, made_at: datetime) -> File:
    """Export invoices, or their lines; a journal has rows of its own."""
    match form:
        case "journal":
            return File(name(form, rows), CSV, blocks(journal.csv(invoices)))
        case "xlsx":
            return File(name(form, rows), workbook.CONTENT_TYPE, xlsx.stream(invoices, rows, made_at=made_at))
        case "csv":
            return File(name(form, rows), CSV, export.csv(invoices, rows))


def name(form: Format, rows: Rows) -> str:
    """Name the file of an export."""
    return "journal.csv" if form == "journal" else f"{'invoices' if rows == 'invoices' else 'invoice-lines'}.{form}"
