"""Serve the voiding of many events: a preview, the job that does it, and another that takes it back."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.errors import Refused
from api.v1.event_voids import Reason, UnvoidQuery
from api.v1.job_shapes import JobAnswer, common
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from customers import find as customers
from events.validation import Text
from invoices import trace
from invoices.models import Invoice, InvoiceLine
from jobs import start
from jobs.models import Job
from meters import bulk_void, filters, selection, void_preview
from meters.models import Meter
from meters.selection import MAX_IDS, Selection
from meters.void_preview import Change, Preview


class BulkVoidCreate(msgspec.Struct, kw_only=True):
    """Which events to void: event_ids alone, or what they have in common, at least a meter, an event name or a customer.

    meter_id: what its event name and filter let through. start, end: half-open, by timestamp. filter: as a meter's. preview: say what it
    would change, and change nothing.
    """

    reason: Reason
    preview: bool = False
    meter_id: str | None = None
    event_name: Text | None = None
    customer_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    filter: dict[str, Any] | None = None
    event_ids: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=MAX_IDS)] | None = None


class ChangeAnswer(msgspec.Struct, kw_only=True):
    """One meter's usage by one customer in the preview's time, before and after."""

    meter_id: str
    customer_id: str
    before: str | None
    after: str | None


class TouchedInvoice(msgspec.Struct, kw_only=True):
    """A draft that would follow by itself (no line), or a line of an issued invoice that the next invoice would adjust."""

    invoice_id: str
    invoice_number: str | None
    line_id: str | None
    customer_id: str
    meter_id: str | None


class VoidPreviewAnswer(msgspec.Struct, kw_only=True):
    """What would change. event_count: not void now; is_complete: false where only the newest 100,000 were read.

    changes: of the 20 pairs of event name and customer with the most events, more_changes: of how many pairs besides.
    unreadable_meter_ids: meters of these names whose stored filter cannot be read. drafts, lines: at most 20 of each, counted up to 1000.
    """

    event_count: int
    is_complete: bool
    start: datetime | None
    end: datetime | None
    changes: list[ChangeAnswer]
    more_changes: int
    unreadable_meter_ids: list[str]
    drafts: list[TouchedInvoice]
    draft_count: int
    lines: list[TouchedInvoice]
    line_count: int


class VoidJobAnswer(JobAnswer, kw_only=True):
    """A job that voids, or that takes voids back. outcome: what it came to, once it is done. done: events looked at so far."""

    kind: Literal["void_events", "unvoid_events"]
    outcome: dict[str, int]


class BulkVoidAnswer(msgspec.Struct, kw_only=True):
    """The preview, or the job."""

    preview: VoidPreviewAnswer | None = None
    job: VoidJobAnswer | None = None


class BulkVoids(Resource):
    """/event-voids"""

    @describes("Void many events, or preview it", body=BulkVoidCreate, answer=BulkVoidAnswer, errors=[400, 404])
    def post(self, request: Request) -> HttpResponse:
        wanted = body.decode(request, BulkVoidCreate)
        chosen = _selection(wanted)
        if wanted.preview:
            return answer(BulkVoidAnswer(preview=_preview(void_preview.preview(chosen))))
        job = bulk_void.begin(selection=chosen, reason=wanted.reason, expected=None, actor=self.actor, now=self.now)
        return answer(BulkVoidAnswer(job=job_shown(job)))


class BulkVoidById(Resource):
    """/event-voids/{job_id}"""

    @describes("Retrieve a job that voids many events", query=shapes.LocaleQuery, answer=VoidJobAnswer, errors=[404])
    def get(self, request: Request, job_id: str) -> HttpResponse:
        return answer(job_shown(_job(job_id)))

    @describes("Take back all that a job voided", query=UnvoidQuery, answer=VoidJobAnswer, errors=[400, 404])
    def delete(self, request: Request, job_id: str) -> HttpResponse:
        wanted = body.decode_query(request.GET, UnvoidQuery)
        job = bulk_void.take_back(job=_job(job_id), reason=wanted.reason, actor=self.actor, now=self.now)
        return answer(job_shown(job))


class BulkVoidCancel(Resource):
    """/event-voids/{job_id}/cancel"""

    @describes("Cancel a job that voids many events", answer=VoidJobAnswer, errors=[400, 404])
    def post(self, request: Request, job_id: str) -> HttpResponse:
        job = _job(job_id)
        start.cancel(job=job, now=self.now)
        job.refresh_from_db()
        return answer(job_shown(job))


def _job(job_id: str) -> Job:
    job = Job.objects.filter(public_id=job_id, kind__in=(bulk_void.VOID, bulk_void.UNVOID)).first()
    if job is None:
        raise Refused("VOID_JOB_NOT_FOUND", f"There is no such job {job_id[:100]}.")
    return job


def _selection(wanted: BulkVoidCreate) -> Selection:
    # An empty id or filter is one that a sender failed to fill in: taken for none, it would void what nobody meant.
    return selection.of(
        meter=None if wanted.meter_id is None else find(Meter, wanted.meter_id),
        event_name=wanted.event_name,
        customer=None if wanted.customer_id is None else customers.find(wanted.customer_id),
        start=shapes.utc(wanted.start) if wanted.start else None,
        end=shapes.utc(wanted.end) if wanted.end else None,
        filter=filters.parse(wanted.filter),
        event_ids=wanted.event_ids or (),
    )


def job_shown(job: Job) -> VoidJobAnswer:
    """Show a job of this kind."""
    kind: Literal["void_events", "unvoid_events"] = "void_events" if job.kind == bulk_void.VOID else "unvoid_events"
    return VoidJobAnswer(**common(job), kind=kind, outcome=job.outcome)


def _preview(found: Preview) -> VoidPreviewAnswer:
    touched = trace.touched(found)
    return VoidPreviewAnswer(
        event_count=found.event_count,
        is_complete=found.is_complete,
        start=found.period.start if found.period else None,
        end=found.period.end if found.period else None,
        changes=[_change(one) for one in found.changes],
        more_changes=found.more_groups,
        unreadable_meter_ids=[meter.public_id for meter in found.unreadable],
        drafts=[_draft(one) for one in touched.drafts],
        draft_count=touched.draft_count,
        lines=[_line(one) for one in touched.lines],
        line_count=touched.line_count,
    )


def _change(one: Change) -> ChangeAnswer:
    before, after = (None if figure is None else plain(figure) for figure in (one.before, one.after))
    return ChangeAnswer(meter_id=one.meter.public_id, customer_id=one.customer.public_id, before=before, after=after)


def _draft(one: Invoice) -> TouchedInvoice:
    return TouchedInvoice(
        invoice_id=one.public_id, invoice_number=None, line_id=None, customer_id=one.customer.public_id, meter_id=None
    )


def _line(one: InvoiceLine) -> TouchedInvoice:
    return TouchedInvoice(
        invoice_id=one.invoice.public_id,
        invoice_number=one.invoice.number,
        line_id=one.public_id,
        customer_id=one.invoice.customer.public_id,
        meter_id=one.meter.public_id if one.meter else None,
    )
