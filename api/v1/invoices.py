"""Serve invoices: list, retrieve, write on a draft, issue it by hand, mark as paid, void, verify."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from api.v1.shown_invoices import WHOLE, InvoiceAnswer, listed, shown
from customers import find as customers
from invoices import document, issue, payment, pdf, remarks, verify, void
from invoices.listing import InvoiceFilter
from invoices.models import Invoice

Status = Literal["draft", "issued", "paid", "void"]


class InvoiceQuery(PageQuery, kw_only=True):
    """The filters of GET /invoices."""

    customer_id: str | None = None
    subscription_id: str | None = None
    status: Status | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


class RemarksPatch(msgspec.Struct, kw_only=True):
    """What is to stand on a draft; what is left out or null stays as it is, an empty text takes it away."""

    memo: Annotated[str, msgspec.Meta(max_length=remarks.LONGEST_MEMO)] | None = None
    purchase_order: Annotated[str, msgspec.Meta(max_length=remarks.LONGEST_PURCHASE_ORDER)] | None = None


class PayRequest(msgspec.Struct, kw_only=True):
    """Why an invoice counts as paid, a bank's reference say."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class UnpayQuery(msgspec.Struct, kw_only=True):
    """Why an invoice does not count as paid any more."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] = "Taken back over the API"


class VoidRequest(msgspec.Struct, kw_only=True):
    """Why an invoice is voided, and what then becomes of its billing point."""

    then: Literal["reissue", "waive"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class FindingAnswer(msgspec.Struct, kw_only=True):
    """A stored figure that is not what raw events make it; line_id is empty for the invoice's own figures."""

    line_id: str
    figure: str
    stored: str
    recomputed: str


class ChangeAnswer(msgspec.Struct, kw_only=True):
    """A line that counts otherwise now, and the invoices that corrected it."""

    line_id: str
    quantity_then: str
    quantity_now: str
    adjusted_by: tuple[str, ...]


class ProofAnswer(msgspec.Struct, kw_only=True):
    """Whether an invoice holds as issued, and what came since then."""

    invoice_id: str
    holds: bool
    findings: list[FindingAnswer]
    since_then: list[ChangeAnswer]


class Invoices(Resource):
    """/invoices"""

    @describes("List invoices, newest first", query=InvoiceQuery, answer=InvoiceAnswer, listed=True)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, InvoiceQuery)
        return answer(page(request, query, NewestFirst(filtered(query, WHOLE)), listed, now=self.now))


class InvoiceById(Resource):
    """/invoices/{id}"""

    @describes("Retrieve an invoice", answer=InvoiceAnswer, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(shown(find(WHOLE, id), now=self.now))

    @describes("Write the memo and purchase order of a draft", body=RemarksPatch, answer=InvoiceAnswer, errors=[400, 404])
    def patch(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode(request, RemarksPatch)
        texts = remarks.Remarks(wanted.memo, wanted.purchase_order)
        remarks.write(draft=find(Invoice, id), remarks=texts, actor=self.actor, now=self.now)
        return answer(shown(find(WHOLE, id), now=self.now))


class InvoicePdf(Resource):
    """/invoices/{id}/pdf and, by its address in the contract, /invoices/payments/{payment_id}: a payment's id is its invoice's."""

    @describes("Print an invoice", media_type="application/pdf", errors=[400, 404])
    def get(self, request: Request, id: str) -> HttpResponse:
        invoice = find(document.ROWS, id)
        headers = {"Content-Disposition": f'inline; filename="{pdf.name(invoice)}"'}
        return HttpResponse(pdf.of_invoice(invoice, now=self.now), content_type=pdf.CONTENT_TYPE, headers=headers)


class PaymentPdf(InvoicePdf):
    """/invoices/payments/{id}: the contract's address of the same, for a payment's id is its invoice's."""


class InvoiceIssue(Resource):
    """/invoices/{id}/issue"""

    @describes("Issue a draft before its grace is over", answer=InvoiceAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        issue.issue_by_hand(draft=find(Invoice, id), actor=self.actor, now=self.now)
        return answer(shown(find(WHOLE, id), now=self.now))


class InvoicePay(Resource):
    """/invoices/{id}/pay"""

    @describes("Mark an issued invoice as paid in full", body=PayRequest, answer=InvoiceAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode(request, PayRequest)
        payment.pay(invoice=find(Invoice, id), actor=self.actor, now=self.now, reason=wanted.reason)
        return answer(shown(find(WHOLE, id), now=self.now))

    @describes("Take back that an invoice was paid", query=UnpayQuery, answer=InvoiceAnswer, errors=[400, 404])
    def delete(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode_query(request.GET, UnpayQuery)
        payment.unpay(invoice=find(Invoice, id), actor=self.actor, now=self.now, reason=wanted.reason)
        return answer(shown(find(WHOLE, id), now=self.now))


class InvoiceVoid(Resource):
    """/invoices/{id}/void"""

    @describes("Void an issued invoice; answers its credit note", body=VoidRequest, answer=InvoiceAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode(request, VoidRequest)
        note = void.void(invoice=find(Invoice, id), then=wanted.then, reason=wanted.reason, actor=self.actor, now=self.now)
        return answer(shown(find(WHOLE, note.public_id), now=self.now))


class InvoiceVerify(Resource):
    """/invoices/{id}/verify"""

    @describes("Compute an issued invoice once more from raw events", answer=ProofAnswer, errors=[400, 404])
    def get(self, request: Request, id: str) -> HttpResponse:
        proof = verify.verify(find(Invoice, id))
        findings = [FindingAnswer(**vars(one)) for one in proof.findings]
        since_then = [ChangeAnswer(**vars(one)) for one in proof.since_then]
        return answer(
            ProofAnswer(invoice_id=proof.invoice.public_id, holds=proof.holds, findings=findings, since_then=since_then)
        )


class Filters(Protocol):
    """What invoices are narrowed by, in lists and exports alike."""

    customer_id: str | None
    subscription_id: str | None
    status: Status | None
    period_start: datetime | None
    period_end: datetime | None


def asked(query: Filters) -> dict[str, str]:
    """Write filters as lists and jobs take them, external_id standing for customer_id. Raises CustomerNotFound."""
    given = {
        "customer_id": customers.find(query.customer_id).public_id if query.customer_id else None,
        "subscription_id": query.subscription_id,
        "status": query.status,
        "period_start": query.period_start and shapes.utc(query.period_start).isoformat(),
        "period_end": query.period_end and shapes.utc(query.period_end).isoformat(),
    }
    return {name: text for name, text in given.items() if text}


def filtered(query: Filters, rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Narrow invoices as a query asks. Raises CustomerNotFound."""
    return InvoiceFilter(asked(query), queryset=rows).qs
