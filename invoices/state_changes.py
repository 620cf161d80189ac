"""Keep each change of an invoice's state: who, when, why; in the transaction that changes it."""

from datetime import datetime

from access.actors import Actor
from invoices.models import Invoice, InvoiceEvent


def keep(*, invoice: Invoice, before: str | None, after: str, reason: str, actor: Actor, now: datetime) -> InvoiceEvent:
    """Append one change of state; before: None where the invoice came into being."""
    return InvoiceEvent.objects.create(
        invoice=invoice,
        from_status=before,
        to_status=after,
        actor_kind=actor.kind,
        actor_id=actor.id,
        reason=reason,
        created_at=now,
    )
