"""Read what was billed for the charges of closed cycles: the line, its minimum, every adjustment and waiver of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import Q

from core.money import exact
from core.periods import Period
from credits.burndown import Draw
from events.models import LogSnapshot
from invoices import recount
from invoices.adjustment import ClosedCharge, Figures, merged
from invoices.inputs import ADDITIVE, KINDS_OF_POINTS
from invoices.late import Slot
from invoices.late_models import LateDecision, LateVerdict
from invoices.models import InvoiceKind, InvoiceLine, InvoiceStatus, InvoiceTax, LineKind, VoidOutcome
from meters.definition import Definition
from products.pricing import PriceTerms

_DEMANDED = Q(invoice__status__in=(InvoiceStatus.ISSUED, InvoiceStatus.PAID))
_WAIVED = Q(invoice__status=InvoiceStatus.VOID, invoice__void_outcome=VoidOutcome.WAIVE)
# A waived point counts as billed at its voided amounts, for ever; the adjustments that it carried do not, those of a waived
# adjustment invoice do, for they are all that it was about (semantics 2, 13).
COUNTS = (
    Q(kind__in=(LineKind.USAGE, LineKind.MINIMUM), invoice__kind__in=KINDS_OF_POINTS) & (_DEMANDED | _WAIVED)
    | Q(kind=LineKind.ADJUSTMENT, invoice__kind__in=KINDS_OF_POINTS) & _DEMANDED
    | Q(kind=LineKind.ADJUSTMENT, invoice__kind=InvoiceKind.ADJUSTMENT) & (_DEMANDED | _WAIVED)
)
_NOTHING = Decimal(0)


@dataclass
class Closed:
    """One charge of a closed cycle with all that was billed for it.

    line: the usage line of the revision that stands.  adjustments: those that count, of any revision, oldest first.
    """

    line: InvoiceLine
    tax_inclusive: bool
    minimum: InvoiceLine | None = None
    adjustments: list[InvoiceLine] = field(default_factory=list)
    waivers: list[LateDecision] = field(default_factory=list)

    @property
    def own_adjustments(self) -> list[InvoiceLine]:
        """The adjustments of the charge of this very revision; an earlier one's credits went back when it was voided."""
        return [one for one in self.adjustments if one.adjusts_id == self.line.id and is_usage(one)]

    @property
    def period(self) -> Period:
        return Period(self.line.period_start, self.line.period_end)

    @property
    def definition(self) -> Definition:
        return Definition.from_json(self.line.definition or {})

    @property
    def cuts(self) -> tuple[Period, ...]:
        """The parts of the cycle whose quantities are asked for."""
        phases = self.line.waterfall["phases"]
        if phases is None:
            return (recount.counted_period(self.line, self.definition),)
        return tuple(_span(phase) for phase in phases)

    @property
    def earlier(self) -> Period | None:
        """The part of the cycle that other terms charged before, where the charge goes on with it."""
        return recount.earlier_of(self.line)

    @property
    def whole(self) -> Period:
        """All the time whose events can change the charge."""
        return self.period if self.earlier is None else Period(self.earlier.start, self.line.period_end)

    @property
    def latest_snapshot(self) -> LogSnapshot:
        """What was counted when the charge was billed or waived the last time."""
        snapshot = self._latest.snapshot
        if snapshot is None:
            raise AssertionError("the database lets neither a usage line nor a waiver be without a snapshot")
        return snapshot

    @property
    def _latest(self) -> "InvoiceLine | LateDecision":
        stages: list[InvoiceLine | LateDecision] = [self.line, *self.own_adjustments, *self.waivers]
        return max(stages, key=lambda one: one.snapshot_id or 0)

    @property
    def draws(self) -> tuple[tuple[Period, int, Decimal], ...]:
        """What each phase drew of each grant period on the line and its adjustments, as stored; a giving back is negative."""
        stored = list(self.line.waterfall["draws"])
        for moved in (*(one.waterfall for one in self.own_adjustments), *(one.figures for one in self.waivers)):
            stored += moved["moves"]
        return tuple((_span(draw), draw["grant_period_id"], Decimal(draw["quantity"])) for draw in stored)

    def returnable(self, period_id: int) -> Decimal:
        """Give the units that can still go back to a grant period: of a waived line, all that it drew itself went back with the void."""
        stored = [] if self.line.invoice.status == InvoiceStatus.VOID else list(self.line.waterfall["draws"])
        demanded = [one for one in self.own_adjustments if one.invoice.status != InvoiceStatus.VOID]
        stored += [move for one in demanded for move in one.waterfall["moves"]]
        with exact():
            units = sum((Decimal(one["quantity"]) for one in stored if one["grant_period_id"] == period_id), _NOTHING)
        return max(units, _NOTHING)

    def charge_draws(self, grants: Mapping[int, int] | None = None) -> tuple[Draw, ...]:
        """Give what each phase holds drawn. grants: the grant of each grant period, where it matters."""
        return merged(Draw(period_id, grants[period_id] if grants else 0, units, span) for span, period_id, units in self.draws)

    def charge(self, grants: Mapping[int, int]) -> ClosedCharge:
        """Give the charge as billed so far. grants: the grant of each grant period."""
        return ClosedCharge(
            terms=PriceTerms.from_json(self.line.terms or {}),
            proration=Fraction(self.line.waterfall["proration"]),
            quantities=self._quantities(),
            draws=self.charge_draws(grants),
            billed=self.billed(),
            earlier=Decimal((self._counted.get("earlier") or {"quantity": 0})["quantity"]),
        )

    @exact()
    def billed(self) -> Figures:
        """Add up everything that was billed or waived for the charge, on any number of invoices."""
        total = figures(self.line)
        for one in (*([self.minimum] if self.minimum else []), *self.adjustments):
            total += figures(one)
        for waiver in self.waivers:
            total += waived(waiver)
        return total

    @property
    def _counted(self) -> Mapping[str, Any]:
        return self._latest.figures if isinstance(self._latest, LateDecision) else self._latest.waterfall

    def _quantities(self) -> tuple[Decimal, ...]:
        """Give the quantities by phase as they were billed or waived last."""
        latest, counted = self._latest, self._counted
        if self.definition.aggregation in ADDITIVE:
            return tuple(Decimal(phase["quantity"]) for phase in counted["phases"])
        if isinstance(latest, InvoiceLine) and latest.kind == LineKind.USAGE:
            return (latest.quantity or _NOTHING,)
        return (Decimal(counted["expected"]["quantity"] or 0),)


def is_usage(line: InvoiceLine) -> bool:
    """Whether an adjustment corrects the charge itself, and not what fills up its minimum."""
    return line.waterfall["part"] == "usage"


def figures(line: InvoiceLine) -> Figures:
    """Give what a line adds to its charge."""
    is_minimum = line.kind == LineKind.MINIMUM or (line.kind == LineKind.ADJUSTMENT and not is_usage(line))
    return Figures(
        quantity=line.quantity,
        event_count=line.event_count or 0,
        free_quantity=line.free_quantity,
        credited_quantity=line.credited_quantity,
        chargeable_quantity=line.chargeable_quantity,
        unrounded_amount=_NOTHING if is_minimum else line.unrounded_amount,
        amount=0 if is_minimum else line.amount,
        minimum_amount=line.amount if is_minimum else 0,
    )


def waived(waiver: LateDecision) -> Figures:
    """Give what a waiver adds to a charge, as if it had been billed."""
    kept: Mapping[str, Any] = waiver.figures["change"]
    return Figures(
        quantity=None if kept["quantity"] is None else Decimal(kept["quantity"]),
        event_count=kept["event_count"],
        free_quantity=Decimal(kept["free_quantity"]),
        credited_quantity=Decimal(kept["credited_quantity"]),
        chargeable_quantity=Decimal(kept["chargeable_quantity"]),
        unrounded_amount=Decimal(kept["unrounded_amount"]),
        amount=waiver.amount,
        minimum_amount=waiver.minimum_amount,
    )


def read(slots: Iterable[Slot]) -> dict[Slot, Closed]:
    """Read these charges in a fixed number of queries; one whose point is not billed at this moment is left out."""
    wanted = set(slots)
    if not wanted:
        return {}
    rows = _lines(wanted)
    inclusive = set(
        InvoiceTax.objects.filter(invoice__in={row.invoice_id for row in rows}, is_inclusive=True).values_list(
            "invoice_id", flat=True
        )
    )
    found: dict[Slot, Closed] = {}
    for row in (row for row in rows if row.kind == LineKind.USAGE):
        found[slot_of(row)] = Closed(row, row.invoice_id in inclusive if row.tax_inclusive is None else row.tax_inclusive)
    for row in rows:
        one = found.get(slot_of(row))
        if one is not None and row.kind == LineKind.MINIMUM and row.invoice_id == one.line.invoice_id:
            one.minimum = row
        elif one is not None and row.kind == LineKind.ADJUSTMENT:
            one.adjustments.append(row)
    waivers = LateDecision.objects.filter(
        verdict=LateVerdict.WAIVED, late__subscription__in={one.subscription_id for one in wanted}
    )
    for waiver in waivers.select_related("late", "snapshot").order_by("id"):
        late = waiver.late
        one = found.get(Slot(late.subscription_id, late.point, late.period_start, late.meter_id))
        # What was billed anew since then was billed whole.
        if one is not None and (waiver.snapshot_id or 0) > (one.line.snapshot_id or 0):
            one.waivers.append(waiver)
    return {slot: one for slot, one in found.items() if slot in wanted}


def slot_of(line: InvoiceLine) -> Slot:
    """Give the charge that a usage, minimum or adjustment line is part of; `line` with its invoice, and that of what it adjusts."""
    corrected = line if line.adjusts is None else line.adjusts
    return Slot(corrected.invoice.subscription_id, corrected.invoice.point, line.period_start, line.meter_id or 0)


def _lines(wanted: Iterable[Slot]) -> Sequence[InvoiceLine]:
    """Read the lines that count, oldest first, so that of two revisions the later one stands.

    Each by its invoice, or by the line that it adjusts: a condition on either would have all lines read.
    """
    subscriptions = {slot.subscription_id for slot in wanted}
    points = {slot.point for slot in wanted}
    own = InvoiceLine.objects.filter(
        invoice__subscription__in=subscriptions, invoice__point__in=points, kind__in=(LineKind.USAGE, LineKind.MINIMUM)
    )
    adjusting = InvoiceLine.objects.filter(adjusts__invoice__subscription__in=subscriptions, adjusts__invoice__point__in=points)
    ids = own.values("id").union(adjusting.values("id"))
    counting = InvoiceLine.objects.filter(COUNTS, id__in=ids, meter__in={slot.meter_id for slot in wanted})
    return list(counting.select_related("invoice", "adjusts__invoice", "snapshot").order_by("id"))


def _span(stored: Mapping[str, Any]) -> Period:
    return Period(datetime.fromisoformat(stored["start"]), datetime.fromisoformat(stored["end"]))
