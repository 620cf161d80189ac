"""Tell endpoints what becomes of invoices, in the transaction in which it does; one query where nobody listens.

Ids and whole amounts only: whoever wants the lines asks the API, which answers with what is then true.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from invoices.models import Invoice, InvoiceEvent, InvoiceLine, InvoiceStatus, LineKind
from webhooks import outbox
from webhooks.event_types import EventType
from webhooks.outbox import Happening


def issued(invoice_ids: Collection[int], *, now: datetime) -> None:
    """Tell of invoices that were just issued: issued, adjusted where one adjusts others, paid where nothing is owed on it."""
    if not (invoice_ids and outbox.wanting()):
        return
    adjusting = InvoiceLine.objects.filter(invoice=OuterRef("id"), kind=LineKind.ADJUSTMENT)
    rows = _rows().filter(id__in=invoice_ids).annotate(adjusts=Exists(adjusting)).order_by("series_number", "id")
    outbox.tell([one for row in rows for one in _of_issued(row, adjusts=row.adjusts)], now=now)


def paid(change: InvoiceEvent, *, now: datetime) -> None:
    """Tell that an invoice was marked as paid, or is not any more; each change of it once."""
    if not outbox.wanting():
        return
    invoice = _rows().get(id=change.invoice_id)
    kind = EventType.INVOICE_PAID if change.to_status == InvoiceStatus.PAID else EventType.INVOICE_UNPAID
    outbox.tell([Happening(kind, f"{kind}:{invoice.public_id}:{change.pk}", data(invoice))], now=now)


def voided(note: Invoice, *, now: datetime) -> None:
    """Tell that the invoice which this credit note corrects was voided."""
    if not outbox.wanting():
        return
    invoice = _rows().get(corrections=note.pk)
    about = {"then": invoice.void_outcome, "credit_note_id": note.public_id, "credit_note_number": note.number}
    kind = EventType.INVOICE_VOIDED
    outbox.tell([Happening(kind, f"{kind}:{invoice.public_id}", data(invoice) | about)], now=now)


def data(invoice: Invoice) -> dict[str, Any]:
    """Give what messages say of an invoice. Amounts are integers in minor units of the currency."""
    return {
        "invoice_id": invoice.public_id,
        "number": invoice.number,
        "kind": invoice.kind,
        "status": invoice.status,
        "customer_id": invoice.customer.public_id,
        "subscription_id": invoice.subscription.public_id,
        "currency": invoice.currency,
        "subtotal": invoice.subtotal,
        "tax": invoice.tax_amount,
        "total": invoice.total,
        "amount_paid": invoice.amount_paid,
        "amount_due": invoice.total - invoice.invoice_credit_amount - invoice.amount_paid,
    }


def _rows() -> QuerySet[Invoice]:
    return Invoice.objects.select_related("customer", "subscription")


def _of_issued(invoice: Invoice, *, adjusts: bool) -> Iterator[Happening]:
    about = data(invoice)
    yield Happening(EventType.INVOICE_ISSUED, f"{EventType.INVOICE_ISSUED}:{invoice.public_id}", about)
    if adjusts:
        yield Happening(EventType.INVOICE_ADJUSTED, f"{EventType.INVOICE_ADJUSTED}:{invoice.public_id}", about)
    if invoice.status == InvoiceStatus.PAID:
        yield Happening(EventType.INVOICE_PAID, f"{EventType.INVOICE_PAID}:{invoice.public_id}:issue", about)
