"""Change what people write on a draft: its memo and the customer's purchase-order number. Both are frozen when it is issued."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from access.actors import Actor
from invoices.issue import InvoiceNotDraft
from invoices.models import Invoice, InvoiceStatus
from invoices.remark_models import RemarkChange

LONGEST_MEMO = 2000
LONGEST_PURCHASE_ORDER = 100


@dataclass(frozen=True)
class Remarks:
    """What is to stand on a draft; None leaves it as it is, '' takes it away."""

    memo: str | None = None
    purchase_order: str | None = None


@transaction.atomic
def write(*, draft: Invoice, remarks: Remarks, actor: Actor, now: datetime) -> None:
    """Put remarks on a draft, and keep what they took the place of. Raises InvoiceNotDraft."""
    wanted = {name: text for name, text in vars(remarks).items() if text is not None}
    if not wanted:
        return
    # Locked, so that one that is issued at this moment keeps what it was issued with, and of two writers each says what it replaced.
    locked = Invoice.objects.select_for_update(no_key=True).get(id=draft.id)
    if locked.status != InvoiceStatus.DRAFT:
        raise InvoiceNotDraft("The invoice is issued: what stands on it is frozen.")
    changed = {name: text for name, text in wanted.items() if text != getattr(locked, name)}
    if changed:
        Invoice.objects.filter(id=locked.id).update(**changed)
    RemarkChange.objects.bulk_create(
        RemarkChange(
            invoice=locked,
            remark=name,
            before=getattr(locked, name),
            after=text,
            actor_kind=actor.kind,
            actor_id=actor.id,
            created_at=now,
        )
        for name, text in changed.items()
    )
