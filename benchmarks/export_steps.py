"""The steps of the export benchmark that need Django: each runs in a process of its own and prints one line of JSON.

`python -m benchmarks.export_steps fill LINES`, `copy`, `plain_copy`, `csv [INVOICES]`, `xlsx`, `journal`, `job FORMAT`; benchmarks.export
starts them.
"""

import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import Model  # noqa: E402

from access.actors import COMMAND  # noqa: E402
from core import database  # noqa: E402
from core.sql import load  # noqa: E402
from invoices import export_job, exports  # noqa: E402
from invoices.export import stored  # noqa: E402
from invoices.models import Invoice, InvoiceLine  # noqa: E402
from jobs import run  # noqa: E402
from jobs.models import JobStatus  # noqa: E402

NOW = datetime(2026, 10, 1, tzinfo=UTC)
LINES_COPIED = 10


def fill(wanted: int) -> dict[str, Any]:
    """Write the billed invoices again and again, each copy with ten times their lines, until there are as many lines as wanted."""
    copies = max(1, round(wanted / (LINES_COPIED * InvoiceLine.objects.filter(invoice__kind="regular").count())))
    statement = load(__file__, "more_invoices").format(
        invoice_columns=_columns(Invoice, "id", "public_id", "point", "series_number", "number"),
        line_columns=_columns(InvoiceLine, "id", "public_id", "invoice_id", "position"),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, {"copies": copies})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return {"lines": InvoiceLine.objects.count()}


def _columns(model: type[Model], *own: str) -> str:
    return ", ".join(str(field.column) for field in model._meta.concrete_fields if field.column not in own)


def copy() -> dict[str, Any]:
    """Copy the same columns of the same lines in the same order as PostgreSQL writes them itself, without what makes them safe to open."""
    return _copied(stored(Invoice.objects.all(), "lines")[0])


def plain_copy() -> dict[str, Any]:
    """Copy the same as whoever only joins and sorts would, with no thought of how PostgreSQL does it."""
    return _copied(load(__file__, "plain_lines"))


def _copied(statement: str) -> dict[str, Any]:
    return _measured(_pieces(f"COPY ({statement}) TO STDOUT (FORMAT csv, HEADER)"))


def _pieces(statement: str) -> Iterator[bytes]:
    """Yield what a COPY answers; PostgreSQL says that it begins only with the first rows, when all are sorted, so that counts too."""
    with database.of_django().cursor() as cursor, cursor.copy(statement) as pieces:
        yield from map(bytes, pieces)


def export(form: exports.Format, count: int | None) -> dict[str, Any]:
    """Export every line of the first `count` invoices or of all, or their journal, as it is sent."""
    invoices = Invoice.objects.all() if count is None else Invoice.objects.filter(pk__in=Invoice.objects.order_by("pk")[:count])
    return _measured(exports.file(form, invoices, "lines", made_at=NOW).body)


def job(form: exports.Format) -> dict[str, Any]:
    """Export every line as a job does, its file included."""
    began = export_job.begin_export(form=form, rows="lines", filters={}, actor=COMMAND, now=NOW)
    started = time.perf_counter()
    if run.take_and_work(job_id=began.pk, now=NOW) != JobStatus.DONE:
        raise AssertionError("the job did not end well")
    return _told(time.perf_counter() - started, began.files.get().size)


def _measured(pieces: Iterable[bytes]) -> dict[str, Any]:
    started = time.perf_counter()
    size = sum(len(piece) for piece in pieces)
    return _told(time.perf_counter() - started, size)


def _told(seconds: float, size: int) -> dict[str, Any]:
    return {"seconds": seconds, "bytes": size, "peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


if __name__ == "__main__":
    step, *arguments = sys.argv[1:]
    match step:
        case "fill":
            made = fill(int(arguments[0]))
        case "copy":
            made = copy()
        case "plain_copy":
            made = plain_copy()
        case "job":
            made = job(arguments[0])  # type: ignore[arg-type]
        case _:
            made = export(step, int(arguments[0]) if arguments else None)  # type: ignore[arg-type]
    sys.stdout.write(json.dumps(made) + "\n")
