"""Note that an issued invoice was paid, or was not after all; money itself is moved elsewhere."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from access.actors import Actor
from core.errors import DomainError
from invoices import notices, state_changes
from invoices.models import Invoice, InvoiceKind, InvoiceStatus


class InvoiceNotIssued(DomainError):
    """Only an issued invoice can be paid: a draft may still change, a void one is owed no more, a paid one is paid."""

    code = "INVOICE_NOT_ISSUED"


class InvoiceNotPaid(DomainError):
    """Only a payment that was noted can be taken back; where nothing was owed, none was."""

    code = "INVOICE_NOT_PAID"


@transaction.atomic
def pay(*, invoice: Invoice, actor: Actor, now: datetime, reason: str = "") -> Invoice:
    """Mark an issued invoice as paid in full at `now`. Raises InvoiceNotIssued, for a credit note too: it asks for no payment."""
    due = F("total") - F("invoice_credit_amount")
    issued = Invoice.objects.filter(id=invoice.id, status=InvoiceStatus.ISSUED).exclude(kind=InvoiceKind.CREDIT_NOTE)
    if not issued.update(status=InvoiceStatus.PAID, paid_at=now, amount_paid=due):
        raise InvoiceNotIssued("This invoice is not issued, or is paid already.")
    before, after = InvoiceStatus.ISSUED, InvoiceStatus.PAID
    change = state_changes.keep(invoice=invoice, before=before, after=after, reason=reason, actor=actor, now=now)
    notices.paid(change, now=now)
    return Invoice.objects.get(id=invoice.id)


@transaction.atomic
def unpay(*, invoice: Invoice, actor: Actor, now: datetime, reason: str) -> Invoice:
    """Take back that an invoice was paid: it is issued again, with all that it asked for to pay. Raises InvoiceNotPaid."""
    paid = Invoice.objects.filter(id=invoice.id, status=InvoiceStatus.PAID, amount_paid__gt=0)
    if not paid.update(status=InvoiceStatus.ISSUED, paid_at=None, amount_paid=0):
        raise InvoiceNotPaid("This invoice is not marked as paid, or nothing had to be paid.")
    before, after = InvoiceStatus.PAID, InvoiceStatus.ISSUED
    change = state_changes.keep(invoice=invoice, before=before, after=after, reason=reason, actor=actor, now=now)
    notices.paid(change, now=now)
    return Invoice.objects.get(id=invoice.id)
