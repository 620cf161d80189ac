"""Export many invoices, or print those of a month, as jobs that go on where they stopped and leave a file.

CSV and journal grow by steps, in order of creation. A workbook cannot be gone on with: after a crash it is written anew, and its file
appears whole. A ZIP grows by steps too; its directory is kept in the job's position (see _Archive).
"""

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import accumulate
from typing import IO, Any, cast

from django.db import transaction
from django.db.models import Count, QuerySet

from access.actors import Actor
from core import workbook
from core.errors import DomainError
from core.sink import Sink
from invoices import document, export, exports, pdf, xlsx
from invoices.export import Rows
from invoices.exports import Format
from invoices.listing import acted_on
from invoices.models import Invoice, InvoiceLine, InvoiceStatus
from invoices.verifying import issued_in
from jobs import files, start
from jobs.models import Job
from jobs.run import Run

EXPORT, PRINT = "export_invoices", "print_invoices"
STEP, LINES_A_STEP = 1000, 10_000
PRINTED_STEP = 100


class MonthUnknown(DomainError):
    """What is to be printed is not a month, as 2026-01."""

    code = "MONTH_UNKNOWN"


def begin_export(*, form: Format, rows: Rows, filters: Mapping[str, str], actor: Actor, now: datetime) -> Job:
    """Export what the filters find while the job runs. filters: as the list of invoices takes them. Raises FilterRefused."""
    acted_on(filters, Invoice.objects.none())
    parameters = {"format": form, "rows": rows, "filters": dict(filters), "made_at": now.isoformat()}
    return start.start(kind=EXPORT, parameters=parameters, actor=actor, now=now)


def begin_print(*, month: str, actor: Actor, now: datetime) -> Job:
    """Print every invoice and credit note issued in a month of the billing zone into one ZIP. Raises MonthUnknown."""
    try:
        date.fromisoformat(f"{month}-01")
    except ValueError:
        raise MonthUnknown(f"{month!r} is no month; one is written as 2026-01.", field="month") from None
    return start.start(kind=PRINT, parameters={"month": month}, actor=actor, now=now)


def work_export(run: Run) -> dict[str, Any]:
    """Do the job of `begin_export`."""
    found = acted_on(run.parameters["filters"], Invoice.objects.all())
    form, rows = run.parameters["format"], run.parameters["rows"]
    made_at = datetime.fromisoformat(run.parameters["made_at"])
    if form == "xlsx":
        return _workbook(run, found, rows, made_at)
    total = run.total or found.count()
    while ids := _step(found, run.position.get("place", 0), rows):
        part = exports.file(form, Invoice.objects.filter(pk__in=ids), rows, made_at=made_at)
        written = b"".join(part.body)
        with transaction.atomic():
            run.write(part.name, written.split(b"\n", 1)[1] if run.position else written, content_type=part.content_type)
            run.advance(position={"place": ids[-1]}, done=run.done + len(ids), total=total, unit="invoices")
    return {"invoices": run.done}


def _workbook(run: Run, found: QuerySet[Invoice], rows: Rows, made_at: datetime) -> dict[str, Any]:
    """Write a workbook from its beginning. It is read in steps all the same, so that no transaction holds the job's row for minutes."""
    table, place, done, total = xlsx.Table(rows, made_at=made_at), 0, 0, found.count()
    with tempfile.TemporaryFile() as file:
        while ids := _step(found, place, rows):
            file.writelines(table.add(export.typed(Invoice.objects.filter(pk__in=ids), rows)))
            place, done = ids[-1], done + len(ids)
            run.advance(position={}, done=done, total=total, unit="invoices")
        file.write(table.end())
        file.seek(0)
        with transaction.atomic():
            while block := file.read(files.CHUNK_BYTES):
                run.write(exports.name("xlsx", rows), block, content_type=workbook.CONTENT_TYPE)
                run.advance(position={}, done=done, total=total, unit="invoices")
    return {"rows": table.count}


def work_print(run: Run) -> dict[str, Any]:
    """Do the job of `begin_print`."""
    month = run.parameters["month"]
    found = Invoice.objects.exclude(status=InvoiceStatus.DRAFT).filter(issued_in(date.fromisoformat(f"{month}-01")))
    total = run.total or found.count()
    archive = _Archive(run.position.get("entries", []), run.position.get("size", 0))
    name = f"invoices-{month}.zip"
    while ids := _next(found, run.position.get("place", 0), PRINTED_STEP):
        for invoice in document.ROWS.filter(pk__in=ids).order_by("pk"):
            archive.add(
                pdf.name(invoice), pdf.of_invoice(invoice, now=invoice.created_at), at=invoice.issued_at or invoice.created_at
            )
        with transaction.atomic():
            run.write(name, archive.take(), content_type="application/zip")
            position = {"place": ids[-1], "entries": archive.entries, "size": archive.size}
            run.advance(position=position, done=run.done + len(ids), total=total, unit="invoices")
    run.write(name, archive.end(), content_type="application/zip")
    run.forget_place()  # the directory of thousands of files, which every list of jobs would read
    return {"invoices": run.done}


def _step(found: QuerySet[Invoice], place: int, rows: Rows) -> list[int]:
    """Give the ids of an export's next step: no more than what may be held in memory with their lines, but one at least."""
    ids = _next(found, place, STEP)
    if rows == "invoices":
        return ids
    counts = dict(InvoiceLine.objects.filter(invoice__in=ids).order_by().values_list("invoice").annotate(Count("pk")))
    sums = accumulate(counts.get(pk, 0) for pk in ids)
    return [pk for pk, lines in zip(ids, sums, strict=True) if pk == ids[0] or lines <= LINES_A_STEP]


def _next(found: QuerySet[Invoice], place: int, count: int) -> list[int]:
    return list(found.filter(pk__gt=place).order_by("pk").values_list("pk", flat=True)[:count])


class _Archive:
    """A ZIP that is written piece by piece and can be gone on with: what its directory needs are `entries` and `size`."""

    def __init__(self, entries: Sequence[Sequence[Any]], size: int) -> None:
        self._sink = Sink(size)
        self._zip = zipfile.ZipFile(cast(IO[bytes], self._sink), "w")
        self._zip.filelist += [_entry(*one) for one in entries]

    @property
    def entries(self) -> list[tuple[Any, ...]]:
        return [(one.filename, list(one.date_time), one.CRC, one.file_size, one.header_offset) for one in self._zip.filelist]

    @property
    def size(self) -> int:
        return self._sink.size

    def add(self, name: str, body: bytes, *, at: datetime) -> None:
        """Add a file. It is stored as it is: the content of a PDF is compressed already."""
        self._zip.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), body)

    def take(self) -> bytes:
        """Give what was written since the last time."""
        return self._sink.take()

    def end(self) -> bytes:
        """Give the directory, which ends the file."""
        self._zip.close()
        return self._sink.take()


def _entry(name: str, at: Sequence[int], crc: int, size: int, offset: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, tuple(at))  # type: ignore[arg-type]  # six numbers
    entry.CRC, entry.compress_size, entry.file_size, entry.header_offset = crc, size, size, offset
    entry.flag_bits = 0x08  # sizes follow the content, as for everything written to what cannot seek
    return entry
