"""Void an issued invoice with a credit note, and give back what it drew; nothing issued is edited or deleted.

`reissue` leaves a draft of the next revision from today's data; `waive` has the point count as billed at its voided amounts, for ever.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from access.actors import Actor
from core.copying import copy
from core.errors import DomainError
from core.faults import fault
from credits import grants, renewal
from credits.models import CreditEntry, CreditGrant, EntryKind
from customers.models import Customer
from invoices import billed, late, notices, numbers, state_changes, unwinding
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice, InvoiceKind, InvoiceLine, InvoiceStatus, InvoiceTax, VoidOutcome
from invoices.series_models import InvoiceSeries

VOIDABLE = (InvoiceStatus.ISSUED, InvoiceStatus.PAID)


class InvoiceNotVoidable(DomainError):
    """Only an issued or paid invoice can be voided; a credit note is none."""

    code = "INVOICE_NOT_VOIDABLE"


class VoidOutcomeUnknown(DomainError):
    code = "VOID_OUTCOME_UNKNOWN"


class CarriedForwardUsed(DomainError):
    """What the invoice carried forward has paid a later one; that one must be voided first."""

    code = "CARRIED_FORWARD_USED"


@transaction.atomic
def void(*, invoice: Invoice, then: str, reason: str, actor: Actor, now: datetime) -> Invoice:
    """Void an invoice and give its credit note.

    then: a VoidOutcome; what an adjustment invoice adjusted is open again with reissue, and given up with waive.
    Raises InvoiceNotVoidable, VoidOutcomeUnknown, CarriedForwardUsed, ReturnedCreditUsed, AdjustedAgain.
    See Note [Locks of issuing].
    """
    if then not in VoidOutcome.values:
        raise VoidOutcomeUnknown("then is reissue or waive.", field="then")
    series, invoice = lock(invoice, now=now)
    if invoice.kind == InvoiceKind.CREDIT_NOTE or invoice.status not in VOIDABLE:
        raise InvoiceNotVoidable(f"{invoice} is {invoice.status}: only an issued or paid invoice can be voided, no credit note.")
    _take_back_carried(invoice, reason, actor, now)
    note = _credit_note(invoice, series, reason, actor, now)
    Invoice.objects.filter(id=invoice.id).update(status=InvoiceStatus.VOID, voided_at=now, void_outcome=then)
    state_changes.keep(invoice=invoice, before=invoice.status, after=InvoiceStatus.VOID, reason=reason, actor=actor, now=now)
    if then == VoidOutcome.REISSUE and invoice.kind in KINDS_OF_POINTS:
        _draft_again(invoice, reason, actor, now)
    unwinding.unwind(invoice=invoice, then=then, actor=actor, now=now)
    notices.voided(note, now=now)
    fault("void: written")
    renewal.settle(customer_ids=[invoice.customer_id], billed_until=billed.until, actor=actor, now=now)
    return note


def lock(invoice: Invoice, *, now: datetime) -> tuple[InvoiceSeries, Invoice]:
    """Lock all that a void changes until the transaction ends; give the series of its credit note, and the invoice as it is now."""
    series = numbers.lock(series=numbers.CREDIT_NOTES, now=now)
    late.lock()
    invoice = Invoice.objects.select_for_update().get(id=invoice.id)
    Customer.objects.select_for_update(no_key=True).get(id=invoice.customer_id)
    return series, invoice


def _take_back_carried(invoice: Invoice, reason: str, actor: Actor, now: datetime) -> None:
    carried = CreditGrant.objects.filter(cause=f"carried:{invoice.public_id}", voided_at=None).first()
    if carried is None:
        return
    # What a later invoice drew, and gave back when it was voided, is no longer used.
    used = CreditEntry.objects.filter(period__grant=carried).exclude(kind=EntryKind.GRANTED).aggregate(sum=Sum("amount"))
    if used["sum"]:
        raise CarriedForwardUsed(f"What {invoice} carried forward was used already; void the later invoice first.")
    # From its beginning: what was never owed must not pay for the usage between then and now either.
    grants.void(grant=carried, reason=reason, actor=actor, now=carried.effective_at)


def _credit_note(invoice: Invoice, series: InvoiceSeries, reason: str, actor: Actor, now: datetime) -> Invoice:
    """Write the invoice once more with every amount negated, in the series of credit notes."""
    issued_at = numbers.issue_time(series, now)
    (number,) = numbers.take(series, 1, issued_at=issued_at)
    note = Invoice.objects.create(
        kind=InvoiceKind.CREDIT_NOTE,
        status=InvoiceStatus.ISSUED,
        corrects=invoice,
        memo=reason,
        created_at=now,
        series_id=number.series_id,
        series_number=number.series_number,
        number=number.text,
        issued_at=issued_at,
        due_at=issued_at,
        # What lay below zero was never demanded: its grant is voided, and the note takes back what was carried forward.
        **{name: getattr(invoice, name) for name in _COPIED},
        **{name: -getattr(invoice, name) for name in _NEGATED},
    )
    copy([_negated(line, note) for line in invoice.lines.order_by("position")])
    copy(
        [
            InvoiceTax(
                invoice=note, rate=tax.rate, is_inclusive=tax.is_inclusive, taxable_amount=-tax.taxable_amount, amount=-tax.amount
            )
            for tax in invoice.taxes.order_by("id")
        ]
    )
    state_changes.keep(invoice=note, before=None, after=InvoiceStatus.ISSUED, reason=reason, actor=actor, now=now)
    return note


_COPIED = (
    "customer_id",
    "subscription_id",
    "point",
    "point_at",
    "revision",
    "currency",
    "period_start",
    "period_end",
    "purchase_order",
    "seller_copy",
    "customer_copy",
    "snapshot_id",
)
_NEGATED = (
    "subtotal",
    "usage_credit_amount",
    "tax_amount",
    "included_tax_amount",
    "carried_forward_amount",
    "total",
    "invoice_credit_amount",
)


def _negated(line: InvoiceLine, note: Invoice) -> InvoiceLine:
    return InvoiceLine(
        invoice=note,
        position=line.position,
        kind=line.kind,
        description=line.description,
        meter_id=line.meter_id,
        period_start=line.period_start,
        period_end=line.period_end,
        quantity=None if line.quantity is None else -line.quantity,
        event_count=line.event_count,
        free_quantity=-line.free_quantity,
        credited_quantity=-line.credited_quantity,
        chargeable_quantity=-line.chargeable_quantity,
        unit_price=line.unit_price,
        unrounded_amount=-line.unrounded_amount,
        amount=-line.amount,
        tax_rate=line.tax_rate,
        tax_inclusive=line.tax_inclusive,
        adjusts_id=line.adjusts_id,
        definition=line.definition,
        terms=line.terms,
        waterfall=line.waterfall,
        snapshot_id=line.snapshot_id,
    )


def _draft_again(invoice: Invoice, reason: str, actor: Actor, now: datetime) -> None:
    draft = Invoice.objects.create(
        kind=invoice.kind,
        customer_id=invoice.customer_id,
        subscription_id=invoice.subscription_id,
        point=invoice.point,
        point_at=invoice.point_at,
        revision=invoice.revision + 1,
        currency=invoice.currency,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        memo=invoice.memo,
        purchase_order=invoice.purchase_order,
        created_at=now,
    )
    state_changes.keep(invoice=draft, before=None, after=InvoiceStatus.DRAFT, reason=reason, actor=actor, now=now)


def negates(note: Invoice) -> Iterable[tuple[str, int, int]]:
    """Give (figure, stored, expected) for each figure of a credit note, line by line and in sum."""
    original = note.corrects
    if original is None:
        raise AssertionError("the database lets no credit note be without what it corrects")
    for name in _NEGATED:
        yield name, getattr(note, name), -getattr(original, name)
    pairs = zip(note.lines.order_by("position"), original.lines.order_by("position"), strict=True)
    for line, corrected in pairs:
        yield f"line {line.position}", line.amount, -corrected.amount
