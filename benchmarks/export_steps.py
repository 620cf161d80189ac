"""The steps of the export benchmark that need Django: each runs in a process of its own and prints one line of JSON.

`python -m benchmarks.export_steps fill LINES`, `copy`, `csv`, `xlsx`, `journal`; benchmarks.export starts them.
"""

import json
import resource
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402

from core import database  # noqa: E402
from invoices import exports  # noqa: E402
from invoices.models import Invoice, InvoiceLine  # noqa: E402

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def fill(lines: int) -> dict[str, Any]:
    """Write the lines of the billed invoices once more behind them until there are as many as wanted."""
    times = lines // InvoiceLine.objects.count()
    own = ("id", "public_id", "position")
    columns = ", ".join(str(field.column) for field in InvoiceLine._meta.concrete_fields if field.name not in own)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO invoices_invoiceline (public_id, position, {columns}) "  # noqa: S608 -- names of our own
            f"SELECT 'lin_' || substr(md5(l.id || '-' || k), 1, 22), l.position + 1000 * k, {columns} "
            "FROM invoices_invoiceline l, generate_series(1, %s) k",
            [times - 1],
        )
        cursor.execute("ANALYZE")
    return {"lines": InvoiceLine.objects.count()}


def copy() -> dict[str, Any]:
    """Copy the table of lines itself, as it is stored."""
    with database.of_django().cursor() as cursor, cursor.copy("COPY invoices_invoiceline TO STDOUT (FORMAT csv)") as pieces:
        return _measured(bytes(piece) for piece in pieces)


def export(form: exports.Format) -> dict[str, Any]:
    """Export every line, or the journal of every invoice."""
    return _measured(exports.file(form, Invoice.objects.all(), "lines", made_at=NOW).body)


def _measured(pieces: Iterable[str | bytes]) -> dict[str, Any]:
    started = time.perf_counter()
    size = sum(len(piece) for piece in pieces)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "bytes": size, "peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


if __name__ == "__main__":
    step, *arguments = sys.argv[1:]
    made = fill(int(arguments[0])) if step == "fill" else copy() if step == "copy" else export(step)  # type: ignore[arg-type]
    sys.stdout.write(json.dumps(made) + "\n")
