"""Tell the history of a grant: every entry of its ledger, with the invoice and line that used or returned it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from credits import ledger
from credits.ledger import Told
from credits.models import CreditEntry, CreditGrant
from invoices.models import Invoice, InvoiceLine


class Cause(NamedTuple):
    """What an entry came from; "" where no invoice, or no single line of one, caused it."""

    invoice_number: str = ""
    description: str = ""


def of_grant(grant: CreditGrant) -> Sequence[tuple[Told, Cause]]:
    """List a grant's entries, the oldest first, each with the balance behind it. Three queries."""
    told = ledger.of_grant(grant)
    causes = with_causes(one.entry for one in told)
    return [(one, cause) for one, (_entry, cause) in zip(told, causes, strict=True)]


def with_causes(entries: Iterable[CreditEntry]) -> Sequence[tuple[CreditEntry, Cause]]:
    """Join entries with the invoices and lines that they name."""
    entries = list(entries)
    invoices = {entry.invoice_id for entry in entries} - {""}
    lines = {entry.line_id for entry in entries} - {""}
    numbers = dict(Invoice.objects.filter(public_id__in=invoices).values_list("public_id", "number")) if invoices else {}
    words = dict(InvoiceLine.objects.filter(public_id__in=lines).values_list("public_id", "description")) if lines else {}
    return [(entry, Cause(numbers.get(entry.invoice_id) or "", words.get(entry.line_id, ""))) for entry in entries]
