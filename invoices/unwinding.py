"""Take a voided invoice's hand off credits and late usage: what it drew goes back, what it gave back is taken, what it adjusted is open.

Units belong to the charge of a cycle, which may stand on several invoices. When the charge is billed again (`reissue`) all that it holds
goes back, whichever invoice drew it; when a single adjustment of it is voided, only what that one moved.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet, Sum

from access.actors import Actor
from core.copying import copy
from core.errors import DomainError
from core.money import exact
from core.periods import Period
from credits import renewal, tidings
from credits.models import CreditEntry, EntryKind, GrantPeriod
from invoices import closed, late
from invoices.adjustment import merged
from invoices.closed import COUNTS
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice, InvoiceCredit, InvoiceKind, InvoiceLine, InvoiceStatus, LineKind, VoidOutcome


class ReturnedCreditUsed(DomainError):
    """Units that an adjustment gave back were used since; what used them must be voided first."""

    code = "RETURNED_CREDIT_USED"


class AdjustedAgain(DomainError):
    """A later adjustment of the same charge gave back units that this one drew; that one must be voided first."""

    code = "ADJUSTED_AGAIN"


def unwind(*, invoice: Invoice, then: str, actor: Actor, now: datetime) -> None:
    """Unwind an invoice that has just become void. Raises ReturnedCreditUsed, AdjustedAgain. Under the lock of late usage."""
    carried = _adjusting(Q(invoice=invoice))
    waived_for_ever = invoice.kind == InvoiceKind.ADJUSTMENT and then == VoidOutcome.WAIVE
    if not waived_for_ever:
        _refuse_negative(carried)
    billed_again = invoice.kind in KINDS_OF_POINTS and then == VoidOutcome.REISSUE
    elsewhere = _adjusting(COUNTS, Q(adjusts__invoice=invoice))
    draws = _to_return(invoice, elsewhere if billed_again else ())
    amounts = _less_given_back(draws, elsewhere, own=invoice)
    returned = [(draw, amount) for draw, amount in zip(draws, amounts, strict=True) if amount > 0]
    copy([_entry(draw, invoice, EntryKind.RETURNED, amount, actor, now) for draw, amount in returned])
    if billed_again:
        within = Period(invoice.period_start, invoice.period_end)
        renewal.reopen(customer_id=invoice.customer_id, within=within, cause=invoice.public_id, actor=actor, now=now)
    settled = _settled({draw.period_id for draw, _ in returned})
    expired = [pair for pair in returned if pair[0].period_id in settled]
    gone = [_entry(draw, invoice, EntryKind.EXPIRED, -amount, actor, now) for draw, amount in expired]
    copy(gone)
    pairs = zip(gone, expired, strict=True)
    tidings.tell_expired([tidings.of_period(draw.period, amount, entry.cause) for entry, (draw, amount) in pairs], now=now)
    if not waived_for_ever:
        _take_back(carried, invoice, actor, now)
        late.open_again({closed.slot_of(line) for line in (*carried, *(elsewhere if billed_again else ()))}, now=now)


def _adjusting(*wanted: Q) -> Sequence[InvoiceLine]:
    lines = InvoiceLine.objects.filter(*wanted, kind=LineKind.ADJUSTMENT).select_related("invoice", "adjusts__invoice")
    return list(lines.order_by("id"))


@exact()
def _refuse_negative(carried: Iterable[InvoiceLine]) -> None:
    """Refuse where the charge would hold less than nothing of a grant without these adjustments."""
    usage_lines = [line for line in carried if closed.is_usage(line)]
    if not any(line.waterfall["moves"] for line in usage_lines):
        return
    standing = closed.read(closed.slot_of(line) for line in usage_lines)
    for one in standing.values():
        if any(draw.amount < 0 for draw in merged(one.charge_draws())):
            raise AdjustedAgain("A later invoice gave back units that this one drew; void that one first.")


def _to_return(invoice: Invoice, elsewhere: Sequence[InvoiceLine]) -> Sequence[InvoiceCredit]:
    """Read the draws of an invoice, and of adjustments elsewhere, that did not go back already."""
    theirs = Q(invoice__in={line.invoice_id for line in elsewhere}, line__in=[line.id for line in elsewhere])
    rows = InvoiceCredit.objects.filter(Q(invoice=invoice) | theirs).select_related("line", "period").order_by("id")
    causes = {f"{EntryKind.RETURNED}:{row.public_id}": row for row in rows}
    done = set(CreditEntry.objects.filter(cause__in=causes).values_list("cause", flat=True))
    return [row for cause, row in causes.items() if cause not in done]


@exact()
def _less_given_back(draws: Sequence[InvoiceCredit], elsewhere: Sequence[InvoiceLine], *, own: Invoice) -> list[Decimal]:
    """Give what of each draw is still out: adjustments elsewhere may have given back some of what the lines of `own` drew."""
    adjusting = {line.id for line in elsewhere}
    left = dict(_given_back(elsewhere).values_list("period_id").annotate(Sum("amount")))
    amounts = []
    for draw in draws:
        line = draw.line
        is_theirs = line is not None and (line.id in adjusting or (line.invoice_id == own.id and line.kind == LineKind.USAGE))
        back = min(draw.amount, left.get(draw.period_id, Decimal(0))) if is_theirs else Decimal(0)
        if back:
            left[draw.period_id] -= back
        amounts.append(draw.amount - back)
    return amounts


def _given_back(adjusting: Sequence[InvoiceLine]) -> QuerySet[CreditEntry]:
    """Find the entries of what adjustments gave back: by their invoices, for which there is an index, and then by line."""
    on, lines = {line.invoice.public_id for line in adjusting}, [line.public_id for line in adjusting]
    return CreditEntry.objects.filter(kind=EntryKind.RETURNED, invoice_id__in=on, line_id__in=lines)


def _take_back(carried: Iterable[InvoiceLine], invoice: Invoice, actor: Actor, now: datetime) -> None:
    """Take the units again that these adjustments gave back, where they did not expire at once and the charge still stands."""
    standing = [line for line in carried if line.adjusts and not _is_billed_again(line.adjusts.invoice)]
    taken = []
    for entry in _given_back(standing).select_related("period").order_by("id"):
        if entry.period.settled_at is not None:
            continue
        held = CreditEntry.objects.filter(period=entry.period).aggregate(held=Sum("amount"))["held"] or Decimal(0)
        if held < entry.amount:
            raise ReturnedCreditUsed(f"Units that {invoice} gave back were used since; void what used them first.")
        taken.append(
            CreditEntry(
                period=entry.period,
                kind=EntryKind.BURNED,
                amount=-entry.amount,
                cause=f"taken_back:{entry.line_id}:{entry.period_id}",
                invoice_id=invoice.public_id,
                line_id=entry.line_id,
                actor_kind=actor.kind,
                actor_id=actor.id,
                created_at=now,
            )
        )
    copy(taken)


def _is_billed_again(invoice: Invoice) -> bool:
    return invoice.status == InvoiceStatus.VOID and invoice.void_outcome == VoidOutcome.REISSUE


def _settled(period_ids: Iterable[int]) -> set[int]:
    return set(GrantPeriod.objects.filter(id__in=period_ids, settled_at__isnull=False).values_list("id", flat=True))


def _entry(draw: InvoiceCredit, invoice: Invoice, kind: EntryKind, amount: Decimal, actor: Actor, now: datetime) -> CreditEntry:
    return CreditEntry(
        period_id=draw.period_id,
        kind=kind,
        amount=amount,
        cause=f"{kind}:{draw.public_id}",
        invoice_id=invoice.public_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        created_at=now,
    )
