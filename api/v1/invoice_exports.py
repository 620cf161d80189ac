"""Serve exports of invoices: at once, as they are read, or as jobs that leave a file."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.errors import Refused
from api.v1.invoices import Status, asked, filtered
from api.v1.job_shapes import JobAnswer, common
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from invoices import export_job, exports
from invoices.export import Rows
from invoices.exports import Format
from invoices.models import Invoice
from jobs import files, start
from jobs.models import Job, JobFile, JobStatus


class ExportedRows(msgspec.Struct, kw_only=True):
    """A row for each invoice, or for each line; the filters are those of the list. A journal has rows of its own."""

    rows: Rows = "invoices"
    customer_id: shapes.Text | None = None
    subscription_id: shapes.Text | None = None
    status: Status | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


class ExportQuery(ExportedRows, kw_only=True):
    """What is exported at once."""

    format: Format = "csv"


class ExportCreate(ExportedRows, kw_only=True):
    """An export as a job: as GET /invoices/export takes it, or with format pdf a ZIP of all that was issued in a `month` (2026-01)."""

    format: Literal["csv", "xlsx", "journal", "pdf"] = "csv"
    month: Annotated[str, msgspec.Meta(max_length=20)] | None = None


class ExportFile(msgspec.Struct, kw_only=True):
    """What a job left. size: bytes."""

    name: str
    content_type: str
    size: int


class ExportJobAnswer(JobAnswer, kw_only=True):
    """An export that goes on by itself. done, total: invoices.  file: null until it is done."""

    format: str
    rows: str | None
    month: str | None
    file: ExportFile | None


class InvoiceExport(Resource):
    """/invoices/export"""

    @describes("Export invoices as CSV, XLSX or journal", query=ExportQuery, media_type="text/csv", errors=[400, 404])
    def get(self, request: Request) -> StreamingHttpResponse:
        query = body.decode_query(request.GET, ExportQuery)
        for name in ("customer_id", "subscription_id"):
            body.refuse_empty(request.GET, name)
        file = exports.at_once(query.format, filtered(query, Invoice.objects.all()), query.rows, made_at=self.now)
        return _attached(file.name, file.content_type, file.body)


class InvoiceExports(Resource):
    """/invoices/exports"""

    @describes("Export invoices as a job", body=ExportCreate, answer=ExportJobAnswer, errors=[400, 404])
    def post(self, request: Request) -> HttpResponse:
        wanted = body.decode(request, ExportCreate)
        by: dict[str, Any] = {"actor": self.actor, "now": self.now}
        filters = asked(wanted)
        if wanted.format == "pdf":
            if filters or wanted.month is None:
                raise body.invalid("month", "is what a printing is asked for, and all: a month such as 2026-01, without filters")
            return answer(_shown(export_job.begin_print(month=wanted.month, **by)))
        if wanted.month is not None:
            raise body.invalid("month", "belongs to format pdf; the others take period_start and period_end")
        return answer(_shown(export_job.begin_export(form=wanted.format, rows=wanted.rows, filters=filters, **by)))


class InvoiceExportById(Resource):
    """/invoices/exports/{job_id}"""

    @describes("Retrieve an export that is a job", query=shapes.LocaleQuery, answer=ExportJobAnswer, errors=[404])
    def get(self, request: Request, job_id: str) -> HttpResponse:
        return answer(_shown(_job(job_id)))


class InvoiceExportCancel(Resource):
    """/invoices/exports/{job_id}/cancel"""

    @describes("Cancel an export that is a job", answer=ExportJobAnswer, errors=[400, 404])
    def post(self, request: Request, job_id: str) -> HttpResponse:
        job = _job(job_id)
        start.cancel(job=job, now=self.now)
        job.refresh_from_db()
        return answer(_shown(job))


class InvoiceExportFile(Resource):
    """/invoices/exports/{job_id}/file"""

    @describes("Download what an export made", media_type="application/octet-stream", errors=[400, 404])
    def get(self, request: Request, job_id: str) -> StreamingHttpResponse:
        file = _file(_job(job_id))
        if file is None:
            raise Refused("EXPORT_NOT_DONE", "The file is there once the job is done; ask again then.")
        return _attached(file.name, file.content_type, files.stream(file))


def _attached(name: str, content_type: str, content: Iterable[bytes]) -> StreamingHttpResponse:
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment"}
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def _job(job_id: str) -> Job:
    job = Job.objects.filter(public_id=job_id, kind__in=(export_job.EXPORT, export_job.PRINT)).first()
    if job is None:
        raise Refused("EXPORT_NOT_FOUND", f"There is no such export {job_id[:100]}.")
    return job


def _file(job: Job) -> JobFile | None:
    """Give the file of a job that is done: until then it lacks its end."""
    return job.files.first() if job.status == JobStatus.DONE else None


def _shown(job: Job) -> ExportJobAnswer:
    file = _file(job)
    return ExportJobAnswer(
        **common(job),
        format=job.parameters.get("format", "pdf"),
        rows=job.parameters.get("rows"),
        month=job.parameters.get("month"),
        file=None if file is None else ExportFile(name=file.name, content_type=file.content_type, size=file.size),
    )
