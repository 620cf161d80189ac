"""Tell the history of a grant: every entry of its ledger, with the invoice and line that used or returned it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from credits.models import CreditEntry, CreditGrant
from invoices.models import Invoice, InvoiceLine


class Cause(NamedTuple):
    """What an entry came from; "" where no invoice, or no single line of one, caused it."""

    invoice_number: str = ""
    description: str = ""


def of_grant(grant: CreditGrant) -> Sequence[tuple[CreditEntry, Cause]]:
    """List a grant's entries, the oldest first. Three queries."""
    return with_causes(CreditEntry.objects.filter(period__grant=grant).select_related("period").order_by("id"))


def with_causes(entries: Iterable[CreditEntry]) -> Sequence[tuple[CreditEntry, Cause]]:
    """Join entries with the invoices and lines that they name."""
    entries = list(entries)
    invoices = {entry.invoice_id for entry in entries} - {""}
    lines = {entry.line_id for entry in entries} - {""}
    numbers = dict(Invoice.objects.filter(public_id__in=invoices).values_list("public_id", "number")) if invoices else {}
    words = dict(InvoiceLine.objects.filter(public_id__in=lines).values_list("public_id", "description")) if lines else {}
    return [(entry, Cause(numbers.get(entry.invoice_id) or "", words.get(entry.line_id, ""))) for entry in entries]
