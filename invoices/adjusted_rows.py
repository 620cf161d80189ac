"""Write the adjustment lines of issued invoices, with the units that they draw and give back, and note what was looked at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from access.actors import Actor
from core.clock import database_now
from core.copying import copy
from core.money import plain
from credits import tidings
from credits.burndown import Draw
from credits.models import AppliesTo, CreditEntry, EntryKind, GrantPeriod
from events.models import LogSnapshot
from invoices import late
from invoices.adjustment import Figures, by_period
from invoices.adjustments import Carried, Computed
from invoices.assemble import InvoiceDraft, Line
from invoices.closed import Closed, is_usage
from invoices.fall_text import waterfall_json
from invoices.models import Invoice, InvoiceCredit, InvoiceLine, LineKind
from meters.meter_sql import Snapshot


@dataclass(frozen=True)
class Adjusted:
    """An invoice that is being issued, its figures, and what it takes up of late usage."""

    invoice: Invoice
    made: InvoiceDraft
    carried: Carried


@dataclass
class _Rows:
    lines: list[InvoiceLine] = field(default_factory=list)
    credits: list[InvoiceCredit] = field(default_factory=list)
    entries: list[CreditEntry] = field(default_factory=list)
    returned: list[tuple[InvoiceLine, int, Decimal]] = field(default_factory=list)
    expired: list[tidings.Expired] = field(default_factory=list)


def write(adjusted: Sequence[Adjusted], *, snapshot: Snapshot | None, actor: Actor, now: datetime) -> None:
    """Write what these invoices adjust, in the transaction that issues them; under the lock of late usage."""
    if snapshot is None:
        return
    seen = keep(snapshot)
    rows = _Rows()
    for one in adjusted:
        looks = {look.found.line: look for look in one.carried.looks}
        for position, line in enumerate(one.made.lines):
            if line.adjusts is not None:
                _add(rows, one.invoice, position, line, looks[line.adjusts.line], seen)
    _add_entries(rows, actor, now)
    for table in (rows.lines, rows.credits, rows.entries):
        copy(table)
    tidings.tell_expired(rows.expired, now=now)
    late.settle([look.slot for one in adjusted for look in one.carried.looks], snapshot=seen)


def keep(snapshot: Snapshot) -> LogSnapshot:
    """Store which events were counted."""
    return LogSnapshot.objects.create(log_epoch=snapshot.epoch, snapshot=snapshot.pg_snapshot, taken_at=database_now())


def _add(rows: _Rows, invoice: Invoice, position: int, line: Line, look: Computed, seen: LogSnapshot) -> None:
    stored = _minimum_line(line, look) if line.is_minimum else _usage_line(line, look, seen)
    stored.invoice, stored.position = invoice, position
    rows.lines.append(stored)
    if line.is_minimum or line.adjusts is None:
        return
    for period_id, units in by_period(line.adjusts.adjustment.moves).items():
        if units > 0:
            rows.credits.append(
                InvoiceCredit(invoice=invoice, line=stored, period_id=period_id, applies_to=AppliesTo.USAGE, amount=units)
            )
        elif (back := min(-units, look.closed.returnable(period_id))) > 0:
            rows.returned.append((stored, period_id, back))


def _line(line: Line, corrected: InvoiceLine, **figures: Any) -> InvoiceLine:
    return InvoiceLine(
        kind=LineKind.ADJUSTMENT,
        description=line.description,
        meter_id=line.meter,
        period_start=line.period.start,
        period_end=line.period.end,
        unrounded_amount=line.unrounded_amount,
        amount=line.amount,
        tax_rate=line.tax_rate,
        tax_inclusive=line.tax_inclusive,
        terms=corrected.terms,
        adjusts=corrected,
        **figures,
    )


def _usage_line(line: Line, look: Computed, seen: LogSnapshot) -> InvoiceLine:
    """Make the line of the charge: its columns hold the change, its waterfall the whole charge, and what was billed before."""
    found, before = look.found.adjustment, look.closed
    since = before.latest_snapshot
    return _line(
        line,
        before.line,
        quantity=found.change.quantity,
        event_count=found.change.event_count,
        free_quantity=found.change.free_quantity,
        credited_quantity=found.change.credited_quantity,
        chargeable_quantity=found.change.chargeable_quantity,
        unit_price=look.found.terms.unit_price,
        definition=before.line.definition,
        snapshot=seen,
        waterfall={
            **waterfall_json(found.waterfall),
            "part": "usage",
            "moves": moves_json(found.moves),
            "expected": figures_json(found.expected),
            "before": figures_json(before.billed()),
            "billed": list(_billed(before, is_minimum=False)),
            "waived_amount": sum(waiver.amount for waiver in before.waivers),
            "since": {"log_epoch": since.log_epoch, "snapshot": since.snapshot},
        },
    )


def _minimum_line(line: Line, look: Computed) -> InvoiceLine:
    expected, before = look.found.adjustment.expected, look.closed
    return _line(
        line,
        before.minimum or before.line,
        waterfall={
            "part": "minimum",
            "expected": {"amount": expected.minimum_amount},
            "billed": list(_billed(before, is_minimum=True)),
            "waived_amount": sum(waiver.minimum_amount for waiver in before.waivers),
        },
    )


def _billed(before: Closed, *, is_minimum: bool) -> Iterable[dict[str, Any]]:
    """List the lines that were billed for a charge, or for what fills it up, by public id."""
    own = before.minimum if is_minimum else before.line
    lines = [one for one in before.adjustments if is_usage(one) != is_minimum]
    for one in [own, *lines] if own else lines:
        yield {"line": one.public_id, "amount": one.amount}


def figures_json(figures: Figures) -> dict[str, Any]:
    """Write the figures of a charge; Decimals as plain strings, amounts as integers."""
    return {
        "quantity": None if figures.quantity is None else plain(figures.quantity),
        "event_count": figures.event_count,
        "free_quantity": plain(figures.free_quantity),
        "credited_quantity": plain(figures.credited_quantity),
        "chargeable_quantity": plain(figures.chargeable_quantity),
        "unrounded_amount": plain(figures.unrounded_amount),
        "amount": figures.amount,
    }


def moves_json(moves: Iterable[Draw]) -> list[dict[str, Any]]:
    """Write the units drawn (positive) and given back (negative), by phase and grant period."""
    return [
        {
            "start": move.usage_period.start.isoformat(),
            "end": move.usage_period.end.isoformat(),
            "grant_period_id": move.grant_period_id,
            "quantity": plain(move.amount),
        }
        for move in moves
    ]


def _add_entries(rows: _Rows, actor: Actor, now: datetime) -> None:
    """Add the ledger's entries: what is drawn, what goes back, and what of that expires because its period is settled."""

    def entry(line: InvoiceLine, period_id: int, kind: EntryKind, amount: Decimal, cause: str) -> None:
        rows.entries.append(
            CreditEntry(
                period_id=period_id,
                kind=kind,
                amount=amount,
                cause=cause,
                invoice_id=line.invoice.public_id,
                line_id=line.public_id,
                actor_kind=actor.kind,
                actor_id=actor.id,
                created_at=now,
            )
        )

    for credit in rows.credits:
        if credit.line is not None:
            entry(credit.line, credit.period_id, EntryKind.BURNED, -credit.amount, f"draw:{credit.public_id}")
    ids = {period_id for _, period_id, _ in rows.returned}
    settled = GrantPeriod.objects.filter(settled_at__isnull=False).in_bulk(ids) if ids else {}
    for line, period_id, units in rows.returned:
        entry(line, period_id, EntryKind.RETURNED, units, f"returned:{line.public_id}:{period_id}")
        if period_id in settled:
            cause = f"expired:{line.public_id}:{period_id}"
            entry(line, period_id, EntryKind.EXPIRED, -units, cause)
            rows.expired.append(tidings.of_period(settled[period_id], units, cause))
