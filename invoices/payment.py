"""Note that an issued invoice was paid; money itself is moved elsewhere."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from access.actors import Actor
from core.errors import DomainError
from invoices.models import Invoice, InvoiceEvent, InvoiceStatus


class InvoiceNotIssued(DomainError):
    """Only an issued invoice can be paid: a draft may still change, a void one is owed no more, a paid one is paid."""

    code = "INVOICE_NOT_ISSUED"


@transaction.atomic
def pay(*, invoice: Invoice, actor: Actor, now: datetime, reason: str = "") -> Invoice:
    """Mark an issued invoice as paid in full at `now`. Raises InvoiceNotIssued."""
    due = F("total") - F("invoice_credit_amount")
    issued = Invoice.objects.filter(id=invoice.id, status=InvoiceStatus.ISSUED)
    if not issued.update(status=InvoiceStatus.PAID, paid_at=now, amount_paid=due):
        raise InvoiceNotIssued("This invoice is not issued, or is paid already.")
    InvoiceEvent.objects.create(
        invoice=invoice,
        from_status=InvoiceStatus.ISSUED,
        to_status=InvoiceStatus.PAID,
        actor_kind=actor.kind,
        actor_id=actor.id,
        reason=reason,
        created_at=now,
    )
    return Invoice.objects.get(id=invoice.id)
