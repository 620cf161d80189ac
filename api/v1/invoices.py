"""Serve invoices: list, retrieve, write on a draft, issue it by hand, mark as paid, void, verify, export."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from credits.models import CreditGrant, CreditKind
from customers import find as customers
from invoices import document, exports, issue, payment, pdf, preview, remarks, verify, void
from invoices.listing import InvoiceFilter
from invoices.models import Invoice, InvoiceCredit, InvoiceLine, InvoiceStatus, InvoiceTax
from invoices.preview import Preview
from meters.models import Meter

Status = Literal["draft", "issued", "paid", "void"]


class InvoiceLineAnswer(msgspec.Struct, kw_only=True):
    """One line. quantity − free_quantity − credited_quantity = chargeable_quantity, in the meter's unit. A draft's lines have no id.

    adjusts: the line that an adjustment corrects, over that one's period; its figures are what it adds to it.
    """

    id: str | None
    kind: str
    description: str
    meter_id: str | None
    period_start: datetime
    period_end: datetime
    quantity: str | None
    free_quantity: str
    credited_quantity: str
    chargeable_quantity: str
    unit_price: str | None
    unrounded_amount: str
    amount: int
    adjusts: str | None


class TaxAnswer(msgspec.Struct, kw_only=True):
    """Tax of one rate; an inclusive one lies in the lines' amounts already."""

    rate: str
    amount: int
    is_inclusive: bool


class CreditAnswer(msgspec.Struct, kw_only=True):
    """Money taken from one grant, in minor units."""

    grant_id: str
    applies_to: str
    amount: int


class InvoiceAnswer(msgspec.Struct, kw_only=True):
    """An invoice. A draft's figures are computed as it is read; in lists it shows its estimate, from estimated_at, and no lines."""

    id: str
    number: str | None
    kind: str
    corrects: str | None
    status: str
    point: int
    revision: int
    customer_id: str
    subscription_id: str
    currency: str
    period_start: datetime
    period_end: datetime
    created_at: datetime
    issued_at: datetime | None
    due_at: datetime | None
    lines: list[InvoiceLineAnswer]
    taxes: list[TaxAnswer]
    credits: list[CreditAnswer]
    subtotal: int | None
    tax: int | None
    total: int | None
    amount_paid: int
    amount_due: int | None
    memo: str
    purchase_order: str
    paid_at: datetime | None
    estimated_at: datetime | None = None


class ExportQuery(msgspec.Struct, kw_only=True):
    """What is exported: a row for each invoice, or for each line; the filters are those of the list. A journal has rows of its own."""

    format: Literal["csv", "xlsx", "journal"] = "csv"
    rows: Literal["invoices", "lines"] = "invoices"
    customer_id: str | None = None
    subscription_id: str | None = None
    status: Status | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


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


ROWS = Invoice.objects.select_related("customer", "subscription", "corrects")
_WHOLE = ROWS.prefetch_related(
    Prefetch("lines", InvoiceLine.objects.order_by("position").select_related("meter", "adjusts")),
    Prefetch("taxes", InvoiceTax.objects.order_by("id")),
    Prefetch(
        "credits",
        InvoiceCredit.objects.filter(period__grant__kind=CreditKind.MONEY).order_by("id").select_related("period__grant"),
    ),
)


class Invoices(Resource):
    """/invoices"""

    @describes("List invoices, newest first", query=InvoiceQuery, answer=InvoiceAnswer, listed=True)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, InvoiceQuery)
        return answer(page(request, query, NewestFirst(filtered(query, _WHOLE)), _listed, now=self.now))


class InvoiceExport(Resource):
    """/invoices/export"""

    @describes("Export invoices as CSV, XLSX or journal", query=ExportQuery, media_type="text/csv", errors=[400, 404])
    def get(self, request: Request) -> StreamingHttpResponse:
        query = body.decode_query(request.GET, ExportQuery)
        file = exports.file(query.format, filtered(query, Invoice.objects.all()), query.rows, made_at=self.now)
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return StreamingHttpResponse(file.body, content_type=file.content_type, headers=headers)


class InvoiceById(Resource):
    """/invoices/{id}"""

    @describes("Retrieve an invoice", answer=InvoiceAnswer, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(shown(find(_WHOLE, id), now=self.now))

    @describes("Write the memo and purchase order of a draft", body=RemarksPatch, answer=InvoiceAnswer, errors=[400, 404])
    def patch(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode(request, RemarksPatch)
        remarks.write(draft=find(Invoice, id), remarks=remarks.Remarks(wanted.memo, wanted.purchase_order))
        return answer(shown(find(_WHOLE, id), now=self.now))


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
        return answer(shown(find(_WHOLE, id), now=self.now))


class InvoicePay(Resource):
    """/invoices/{id}/pay"""

    @describes("Mark an issued invoice as paid in full", body=PayRequest, answer=InvoiceAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode(request, PayRequest)
        payment.pay(invoice=find(Invoice, id), actor=self.actor, now=self.now, reason=wanted.reason)
        return answer(shown(find(_WHOLE, id), now=self.now))

    @describes("Take back that an invoice was paid", query=UnpayQuery, answer=InvoiceAnswer, errors=[400, 404])
    def delete(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode_query(request.GET, UnpayQuery)
        payment.unpay(invoice=find(Invoice, id), actor=self.actor, now=self.now, reason=wanted.reason)
        return answer(shown(find(_WHOLE, id), now=self.now))


class InvoiceVoid(Resource):
    """/invoices/{id}/void"""

    @describes("Void an issued invoice; answers its credit note", body=VoidRequest, answer=InvoiceAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        wanted = body.decode(request, VoidRequest)
        note = void.void(invoice=find(Invoice, id), then=wanted.then, reason=wanted.reason, actor=self.actor, now=self.now)
        return answer(shown(find(_WHOLE, note.public_id), now=self.now))


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


def filtered(query: ExportQuery | InvoiceQuery, rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Narrow invoices as a query asks, external_id standing for customer_id. Raises CustomerNotFound."""
    asked = {
        "customer_id": customers.find(query.customer_id).public_id if query.customer_id else None,
        "subscription_id": query.subscription_id,
        "status": query.status,
        "period_start": query.period_start and shapes.utc(query.period_start).isoformat(),
        "period_end": query.period_end and shapes.utc(query.period_end).isoformat(),
    }
    return InvoiceFilter({name: text for name, text in asked.items() if text}, queryset=rows).qs


def shown(invoice: Invoice, *, now: datetime) -> InvoiceAnswer:
    """Show an issued invoice from its rows, a draft as it would be issued now."""
    if invoice.status == InvoiceStatus.DRAFT:
        return _draft(invoice, preview.of_draft(invoice, now=now))
    return _issued(invoice)


def _listed(invoices: Sequence[Invoice]) -> list[InvoiceAnswer]:
    return [_estimated(one) if one.status == InvoiceStatus.DRAFT else _issued(one) for one in invoices]


def _issued(invoice: Invoice) -> InvoiceAnswer:
    return InvoiceAnswer(
        **_head(invoice),
        lines=[_stored_line(line) for line in invoice.lines.all()],
        taxes=[TaxAnswer(rate=plain(tax.rate), amount=tax.amount, is_inclusive=tax.is_inclusive) for tax in invoice.taxes.all()],
        credits=[
            CreditAnswer(grant_id=credit.period.grant.public_id, applies_to=credit.applies_to, amount=int(credit.amount))
            for credit in invoice.credits.all()
        ],
        subtotal=invoice.subtotal,
        tax=invoice.tax_amount,
        total=invoice.total,
        amount_due=invoice.total - invoice.invoice_credit_amount - invoice.amount_paid,
    )


def _estimated(invoice: Invoice) -> InvoiceAnswer:
    return InvoiceAnswer(
        **_head(invoice),
        lines=[],
        taxes=[],
        credits=[],
        subtotal=None,
        tax=None,
        total=invoice.estimate_total,
        amount_due=None,
        estimated_at=invoice.estimated_at,
    )


def _draft(invoice: Invoice, computed: Preview) -> InvoiceAnswer:
    made = computed.made
    meters = Meter.objects.in_bulk({line.meter for line in made.lines if line.meter is not None})
    grants = CreditGrant.objects.in_bulk({credit.grant_id for credit in made.credits})
    return InvoiceAnswer(
        **_head(invoice),
        lines=list(_computed_lines(computed, meters)),
        taxes=[TaxAnswer(rate=plain(tax.rate), amount=tax.amount, is_inclusive=tax.is_inclusive) for tax in made.taxes],
        credits=[
            CreditAnswer(grant_id=grants[credit.grant_id].public_id, applies_to=credit.applies_to, amount=credit.amount)
            for credit in made.credits
        ],
        subtotal=made.subtotal,
        tax=sum(tax.amount for tax in made.taxes if not tax.is_inclusive),
        total=made.total,
        amount_due=made.amount_due,
    )


def _head(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.public_id,
        "number": invoice.number,
        "kind": invoice.kind,
        "corrects": invoice.corrects.public_id if invoice.corrects else None,
        "status": invoice.status,
        "point": invoice.point,
        "revision": invoice.revision,
        "customer_id": invoice.customer.public_id,
        "subscription_id": invoice.subscription.public_id,
        "currency": invoice.currency,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "created_at": invoice.created_at,
        "issued_at": invoice.issued_at,
        "due_at": invoice.due_at,
        "amount_paid": invoice.amount_paid,
        "memo": invoice.memo,
        "purchase_order": invoice.purchase_order,
        "paid_at": invoice.paid_at,
    }


def _stored_line(line: InvoiceLine) -> InvoiceLineAnswer:
    return InvoiceLineAnswer(
        id=line.public_id,
        kind=line.kind,
        description=line.description,
        meter_id=line.meter.public_id if line.meter else None,
        period_start=line.period_start,
        period_end=line.period_end,
        quantity=None if line.quantity is None else plain(line.quantity),
        free_quantity=plain(line.free_quantity),
        credited_quantity=plain(line.credited_quantity),
        chargeable_quantity=plain(line.chargeable_quantity),
        unit_price=None if line.unit_price is None else plain(line.unit_price),
        unrounded_amount=plain(line.unrounded_amount),
        amount=line.amount,
        adjusts=line.adjusts.public_id if line.adjusts else None,
    )


def _computed_lines(computed: Preview, meters: dict[int, Meter]) -> Iterable[InvoiceLineAnswer]:
    corrected = InvoiceLine.objects.in_bulk({line.adjusts.line for line in computed.made.lines if line.adjusts})
    for line in computed.made.lines:
        fall = line.figures
        price = line.terms.unit_price if line.terms and fall else None
        yield InvoiceLineAnswer(
            id=None,
            kind=line.kind,
            description=line.description,
            meter_id=meters[line.meter].public_id if line.meter is not None else None,
            period_start=line.period.start,
            period_end=line.period.end,
            quantity=None if fall is None or fall.quantity is None else plain(fall.quantity),
            free_quantity=plain(fall.free_quantity) if fall else "0",
            credited_quantity=plain(fall.credited_quantity) if fall else "0",
            chargeable_quantity=plain(fall.chargeable_quantity) if fall else "0",
            unit_price=None if price is None else plain(price),
            unrounded_amount=plain(line.unrounded_amount),
            amount=line.amount,
            adjusts=corrected[line.adjusts.line].public_id if line.adjusts else None,
        )
