"""Serve looks at an invoice beside its figures: what was written on it by whom, and what voiding it would do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body
from api.v1.grants import Quantity, quantity
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from api.v1.shown_invoices import WHOLE, InvoiceAnswer, computed, shown
from invoices import void_preview
from invoices.models import Invoice
from invoices.remark_models import RemarkChange
from invoices.void_preview import CreditMoved, Done


class RemarkChangeAnswer(msgspec.Struct, kw_only=True):
    """One text on a draft that took the place of another; either may be empty. changed_by: the kind of actor and its id."""

    remark: Literal["memo", "purchase_order"]
    before: str
    after: str
    changed_by: str
    created_at: datetime


class VoidPreviewRequest(msgspec.Struct, kw_only=True):
    """With which outcome the void is looked at."""

    then: Literal["reissue", "waive"]


class CreditMovedAnswer(msgspec.Struct, kw_only=True):
    """What one period of a grant would gain: units as a decimal string, money as minor units.

    expires: what of `returned` would expire at once, because the period is closed.  taken: what would be taken out of it.
    """

    grant_id: str
    period_start: datetime
    period_end: datetime | None
    returned: Quantity
    expires: Quantity
    taken: Quantity


class LateUsageAnswer(msgspec.Struct, kw_only=True):
    """A charge of a cycle that an adjustment of this invoice corrected, and that the next invoice would look at again."""

    meter_id: str
    period_start: datetime
    period_end: datetime


class InvoiceVoidPreviewAnswer(msgspec.Struct, kw_only=True):
    """What a void would do. Neither the credit note nor the draft exists: their id is empty, their number null.

    draft: what would be issued in the invoice's place, from today's data; null where nothing would be, or where its figures cannot be
    made: draft_problem says why.
    """

    credit_note: InvoiceAnswer
    credits: list[CreditMovedAnswer]
    late_usage: list[LateUsageAnswer]
    draft: InvoiceAnswer | None
    draft_problem: str | None


class InvoiceRemarks(Resource):
    """/invoices/{id}/remarks"""

    @describes(
        "List who changed the memo and purchase order of an invoice, newest first",
        query=PageQuery,
        answer=RemarkChangeAnswer,
        listed=True,
        errors=[404],
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        changes = RemarkChange.objects.filter(invoice=find(Invoice, id))
        query = body.decode_query(request.GET, PageQuery)
        return answer(page(request, query, NewestFirst(changes), _changes, now=self.now))


class InvoiceVoidPreview(Resource):
    """/invoices/{id}/void/preview"""

    @describes(
        "Say what voiding an issued invoice would do, and write nothing",
        body=VoidPreviewRequest,
        answer=InvoiceVoidPreviewAnswer,
        errors=[400, 404],
    )
    def post(self, request: Request, id: str) -> HttpResponse:
        then = body.decode(request, VoidPreviewRequest).then

        def read(done: Done) -> InvoiceVoidPreviewAnswer:
            return _foreseen(done, now=self.now)

        return answer(void_preview.imagine(invoice=find(Invoice, id), then=then, actor=self.actor, now=self.now, read=read))


def _changes(rows: Sequence[RemarkChange]) -> list[RemarkChangeAnswer]:
    return [
        RemarkChangeAnswer(
            remark=row.remark,  # type: ignore[arg-type]  # the database checks it
            before=row.before,
            after=row.after,
            changed_by=f"{row.actor_kind}:{row.actor_id}",
            created_at=row.created_at,
        )
        for row in rows
    ]


def _foreseen(done: Done, *, now: datetime) -> InvoiceVoidPreviewAnswer:
    draft = computed(find(WHOLE, done.draft.public_id), done.computed) if done.draft and done.computed else None
    return InvoiceVoidPreviewAnswer(
        credit_note=_unmade(shown(find(WHOLE, done.note.public_id), now=now)),
        credits=[_moved(one) for one in done.credit],
        late_usage=[
            LateUsageAnswer(meter_id=row.meter.public_id, period_start=row.period_start, period_end=row.period_end)
            for row in done.late
        ],
        draft=_unmade(draft) if draft else None,
        draft_problem=done.problem or None,
    )


def _unmade(invoice: InvoiceAnswer) -> InvoiceAnswer:
    """Leave out what names an invoice that exists: its own id and number, and those of its lines."""
    lines = [msgspec.structs.replace(line, id=None) for line in invoice.lines]
    return msgspec.structs.replace(invoice, id="", number=None, lines=lines)


def _moved(one: CreditMoved) -> CreditMovedAnswer:
    return CreditMovedAnswer(
        grant_id=one.grant.public_id,
        period_start=one.period.starts_at,
        period_end=one.period.ends_at,
        returned=quantity(one.grant, one.back),
        expires=quantity(one.grant, one.expires),
        taken=quantity(one.grant, one.taken),
    )
