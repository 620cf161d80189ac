"""Change what people write on a draft: its memo and the customer's purchase-order number. Both are frozen when it is issued."""

from dataclasses import dataclass

from invoices.issue import InvoiceNotDraft
from invoices.models import Invoice, InvoiceStatus

LONGEST_MEMO = 2000
LONGEST_PURCHASE_ORDER = 100


@dataclass(frozen=True)
class Remarks:
    """What is to stand on a draft; None leaves it as it is, '' takes it away."""

    memo: str | None = None
    purchase_order: str | None = None


def write(*, draft: Invoice, remarks: Remarks) -> None:
    """Put remarks on a draft. Raises InvoiceNotDraft."""
    wanted = {name: text for name, text in vars(remarks).items() if text is not None}
    if not wanted:
        return
    # By its status, so that one that is issued at this moment keeps what it was issued with.
    if not Invoice.objects.filter(id=draft.id, status=InvoiceStatus.DRAFT).update(**wanted):
        raise InvoiceNotDraft("The invoice is issued: what stands on it is frozen.")
