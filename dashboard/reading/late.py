"""Read late usage with its money effect: what it would come to now, or on which invoices it was adjusted."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from invoices import adjustments, closed, late
from invoices.late_models import LateDecision, LateState, LateUsage, LateVerdict
from invoices.models import Invoice, InvoiceLine, InvoiceStatus, LineKind


@dataclass(frozen=True)
class LateRow:
    """One charge of a closed cycle that changed.

    amount: minor units, what is open now, or was adjusted in sum; None where it cannot be computed.  lines: the adjustments that count.
    draft: the open invoice that will take it up.  decision: the latest one.
    """

    late: LateUsage
    amount: int | None
    lines: Sequence[InvoiceLine]
    draft: Invoice | None
    decision: LateDecision | None

    @property
    def is_open(self) -> bool:
        return self.late.state != LateState.SETTLED

    @property
    def invoices(self) -> Sequence[Invoice]:
        """The invoices that adjusted it, each once."""
        return list({line.invoice_id: line.invoice for line in self.lines}.values())

    @property
    def standing(self) -> str | Promise:
        """What became of it, in words."""
        if self.is_open and not self.is_billable:
            return _("waits for a decision")
        if self.is_open:
            return _("on the draft") if self.draft else _("open")
        if self.decision and self.decision.verdict == LateVerdict.WAIVED and self.decision.snapshot_id == self.late.snapshot_id:
            return _("waived")
        return _("invoiced") if self.lines else _("no difference")

    @property
    def is_billable(self) -> bool:
        """Whether the next invoice takes it up, or a person must decide first."""
        return late.is_billable(self.late)


def rows() -> QuerySet[LateUsage]:
    """Read late usage as pages show it."""
    return LateUsage.objects.select_related("customer", "meter", "subscription")


def described(found: Sequence[LateUsage]) -> list[LateRow]:
    """Describe a page of late usage in a fixed number of queries."""
    slots = {row.id: late.slot(row) for row in found}
    open_slots = [slots[row.id] for row in found if row.state != LateState.SETTLED]
    looks = adjustments.compute(open_slots)
    lines = _lines(found)
    subscriptions = {row.subscription_id for row in found}
    drafts = Invoice.objects.filter(subscription__in=subscriptions, status=InvoiceStatus.DRAFT).order_by("-point_at", "-id")
    draft_of = {draft.subscription_id: draft for draft in drafts}
    decisions = {one.late_id: one for one in LateDecision.objects.filter(late__in=[row.id for row in found]).order_by("id")}

    def described_one(row: LateUsage) -> LateRow:
        slot = slots[row.id]
        own = lines.get(slot, ())
        if row.state == LateState.SETTLED:
            amount: int | None = sum(line.amount for line in own)
        else:
            look = looks.computed.get(slot)
            change = look.found.adjustment.change if look else None
            amount = None if change is None else change.amount + change.minimum_amount
        return LateRow(row, amount, own, draft_of.get(row.subscription_id), decisions.get(row.id))

    return [described_one(row) for row in found]


def _lines(found: Sequence[LateUsage]) -> dict[late.Slot, list[InvoiceLine]]:
    about = Q(
        adjusts__invoice__subscription__in={row.subscription_id for row in found}, meter__in={row.meter_id for row in found}
    )
    lines = InvoiceLine.objects.filter(closed.COUNTS, about, kind=LineKind.ADJUSTMENT)
    grouped: dict[late.Slot, list[InvoiceLine]] = {}
    for line in lines.select_related("invoice", "adjusts__invoice").order_by("id"):
        grouped.setdefault(closed.slot_of(line), []).append(line)
    return grouped
