"""Give an export its form, name and type, the same for pages, the API and jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from django.db.models import QuerySet

from core import workbook
from core.errors import DomainError
from core.sheets import blocks
from invoices import export, journal, xlsx
from invoices.export import Rows
from invoices.models import Invoice, InvoiceLine

Format = Literal["csv", "xlsx", "journal"]
FORMATS: tuple[Format, ...] = get_args(Format)
CSV = "text/csv; charset=utf-8"
MOST_AT_ONCE = 100_000
"""Rows of a workbook that is made while somebody waits; it takes about four seconds."""


@dataclass(frozen=True)
class File:
    """A file to hand out piece by piece; it reads while it is sent."""

    name: str
    content_type: str
    body: Iterable[bytes]


class ExportTooLarge(DomainError):
    """A workbook takes a web process seconds of its time; a long one is a worker's."""

    code = "EXPORT_TOO_LARGE"


def at_once(form: Format, invoices: QuerySet[Invoice], rows: Rows, *, made_at: datetime) -> File:
    """Export for somebody who waits. CSV and journal have no limit. Raises ExportTooLarge."""
    if form == "xlsx":
        counted = invoices if rows == "invoices" else InvoiceLine.objects.filter(invoice__in=invoices.order_by().values("pk"))
        if counted.order_by()[: MOST_AT_ONCE + 1].count() > MOST_AT_ONCE:
            raise ExportTooLarge(
                f"A workbook of more than {MOST_AT_ONCE:,} rows is made as a job: POST /api/v1/invoices/exports, or the list of "
                "invoices, begins one. A CSV has no limit."
            )
    return file(form, invoices, rows, made_at=made_at)


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
