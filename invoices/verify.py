"""Prove issued invoices from raw events, and say what came since.

Two answers: "as issued" (the events and voids that the line's snapshot saw; must be equal to what is stored) and "since then" (what
the same line counts now, and the lines that adjusted it). Beside them, whether rollups still say what raw events say.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, Sum

from core.errors import DomainError
from credits.models import AppliesTo, CreditEntry
from invoices import recount, verify_adjustment, void
from invoices.assemble import Line, taxes_of
from invoices.closed import COUNTS, is_usage
from invoices.findings import Finding, differing, text_of
from invoices.models import Invoice, InvoiceCredit, InvoiceKind, InvoiceLine, InvoiceStatus, InvoiceTax, LineKind
from invoices.verification_models import Verification
from meters import stored, usage
from meters.definition import Definition
from meters.meter_sql import Snapshot
from meters.usage import UsageRequest


class DraftNotVerifiable(DomainError):
    """A draft has no stored figures that could be proved."""

    code = "INVOICE_IS_DRAFT"


@dataclass(frozen=True)
class Change:
    """A line that counts otherwise now. adjusted_by: the numbers of the invoices that corrected it, oldest first."""

    line_id: str
    quantity_then: str
    quantity_now: str
    adjusted_by: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """What verifying one invoice came to; it holds when there is no finding."""

    invoice: Invoice
    findings: tuple[Finding, ...]
    since_then: tuple[Change, ...]

    @property
    def holds(self) -> bool:
        return not self.findings


def verify(invoice: Invoice) -> Proof:
    """Compute an issued invoice once more from raw events. Raises DraftNotVerifiable."""
    if invoice.status == InvoiceStatus.DRAFT:
        raise DraftNotVerifiable(f"Invoice {invoice.public_id} is a draft: its figures are computed whenever it is read.")
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return Proof(invoice, tuple(differing("", *void.negates(invoice))), ())
    lines = list(invoice.lines.select_related("snapshot", "invoice").order_by("position"))
    credits = list(InvoiceCredit.objects.filter(invoice=invoice).order_by("id"))
    findings: list[Finding] = [*_ledger(credits), *_totals(invoice, lines, credits)]
    changes: list[Change] = []
    for line in lines:
        if line.kind == LineKind.USAGE:
            findings += _usage_line(line, lines, [credit for credit in credits if credit.line_id == line.id])
        elif line.kind == LineKind.ADJUSTMENT and is_usage(line):
            findings += verify_adjustment.findings(line, lines, [credit for credit in credits if credit.line_id == line.id])
        else:
            continue
        rollups, since = _now(line)
        findings += rollups
        changes += since
    return Proof(invoice, tuple(findings), tuple(changes))


def verify_issued(*, since: datetime | None = None, references: Sequence[str] = (), now: datetime) -> Iterator[Proof]:
    """Verify and record issued invoices one after the other. since: issued then or later.  references: numbers or public ids."""
    invoices = Invoice.objects.exclude(status=InvoiceStatus.DRAFT).order_by("id")
    if since is not None:
        invoices = invoices.filter(issued_at__gte=since)
    if references:
        invoices = invoices.filter(Q(number__in=references) | Q(public_id__in=references))
    for invoice in invoices.iterator(chunk_size=200):
        proof = verify(invoice)
        record(proof, now=now)
        yield proof


@transaction.atomic
def record(proof: Proof, *, now: datetime) -> Verification:
    """Keep what verifying came to, for the invoice's page and for whoever is on call."""
    return Verification.objects.create(
        invoice=proof.invoice,
        verified_at=now,
        holds=proof.holds,
        findings=[asdict(finding) for finding in proof.findings],
        since_then=[asdict(change) for change in proof.since_then],
    )


def _usage_line(line: InvoiceLine, lines: Iterable[InvoiceLine], draws: Iterable[InvoiceCredit]) -> Iterator[Finding]:
    if line.snapshot is None:
        raise AssertionError("the database lets no usage line be without a snapshot")
    at = Snapshot(line.snapshot.log_epoch, line.snapshot.snapshot)
    credited = sum((draw.amount for draw in draws), Decimal(0))
    again = recount.recharge(line, recount.count(line, at=at), credited=credited)
    top_up = sum(one.amount for one in lines if one.kind == LineKind.MINIMUM and one.meter_id == line.meter_id)
    yield from differing(
        line.public_id,
        ("quantity", line.quantity, again.counted.quantity),
        ("event_count", line.event_count, again.counted.event_count),
        ("free_quantity", line.free_quantity, again.free_quantity),
        ("credited_quantity", line.credited_quantity, credited),
        ("chargeable_quantity", line.chargeable_quantity, again.chargeable_quantity),
        ("unrounded_amount", line.unrounded_amount, again.charge.unrounded_amount),
        ("amount", line.amount, again.charge.amount),
        ("minimum", top_up, again.charge.minimum_top_up),
        ("credits beyond usage", Decimal(0), sum(again.uncovered, Decimal(0))),
    )


def _now(line: InvoiceLine) -> tuple[list[Finding], list[Change]]:
    """Compare rollups with raw events, and then with now, at one moment."""
    if line.meter_id is None:
        raise AssertionError("the database lets no usage line be without a meter")
    definition = stored.definitions([line.meter_id])[line.meter_id]
    request = UsageRequest(line.meter_id, line.invoice.customer_id, recount.counted_period(line, definition))
    answer = usage.quantities(requests=[request])
    raw = recount.count(line, at=answer.snapshot, definition=definition)
    rolled = answer.quantities[request]
    findings = differing(
        line.public_id,
        ("rolled up quantity", rolled.quantity, raw.quantity),
        ("rolled up event_count", rolled.event_count, raw.event_count),
    )
    if definition != Definition.from_json(line.definition or {}):
        raw = recount.count(line, at=answer.snapshot)
    then = verify_adjustment.quantity_of(line)
    if raw.quantity == then:
        return list(findings), []
    # The columns of an adjustment are what it adds; those that came after it adjust the same line.
    adjusting = InvoiceLine.objects.filter(COUNTS, adjusts=line.adjusts_id or line.id, id__gt=line.id, definition__isnull=False)
    adjusted = adjusting.order_by("id").values_list("invoice__number", flat=True)
    return list(findings), [Change(line.public_id, text_of(then), text_of(raw.quantity), tuple(n or "" for n in adjusted))]


def _ledger(credits: Iterable[InvoiceCredit]) -> Iterator[Finding]:
    """Compare what the invoice says it drew with what the ledger says."""
    drawn = {f"draw:{credit.public_id}": credit for credit in credits}
    burned = dict(CreditEntry.objects.filter(cause__in=drawn).values_list("cause").annotate(Sum("amount")))
    for cause, credit in drawn.items():
        yield from differing("", (f"ledger entry {cause}", credit.amount, -burned.get(cause, Decimal(0))))


def _totals(invoice: Invoice, lines: Iterable[InvoiceLine], credits: Iterable[InvoiceCredit]) -> Iterator[Finding]:
    taxes = list(InvoiceTax.objects.filter(invoice=invoice).order_by("rate", "is_inclusive"))
    is_inclusive = any(tax.is_inclusive for tax in taxes)
    again = [_line(line, is_inclusive=is_inclusive) for line in lines]
    subtotal = sum(line.amount for line in again)
    usage_credits = _money(credits, AppliesTo.USAGE)
    computed = taxes_of(again, usage_credits)
    added = sum(tax.amount for tax in computed if not tax.is_inclusive)
    balance = subtotal - usage_credits + added
    yield from differing(
        "",
        ("subtotal", invoice.subtotal, subtotal),
        ("usage credits", invoice.usage_credit_amount, usage_credits),
        ("tax", invoice.tax_amount, added),
        ("included tax", invoice.included_tax_amount, sum(tax.amount for tax in computed if tax.is_inclusive)),
        ("taxes", sum(tax.amount for tax in taxes), sum(tax.amount for tax in computed)),
        ("total", invoice.total, max(0, balance)),
        ("carried forward", invoice.carried_forward_amount, max(0, -balance)),
        ("invoice credits", invoice.invoice_credit_amount, _money(credits, AppliesTo.INVOICE)),
    )


def _line(line: InvoiceLine, *, is_inclusive: bool) -> Line:
    return Line(
        kind=line.kind,  # type: ignore[arg-type]  # the database checks it
        description=line.description,
        period=recount.period_of(line),
        amount=line.amount,
        unrounded_amount=line.unrounded_amount,
        tax_rate=line.tax_rate,
        tax_inclusive=is_inclusive if line.tax_inclusive is None else line.tax_inclusive,
    )


def _money(credits: Iterable[InvoiceCredit], applies_to: AppliesTo) -> int:
    return int(sum((one.amount for one in credits if one.line_id is None and one.applies_to == applies_to), Decimal(0)))
