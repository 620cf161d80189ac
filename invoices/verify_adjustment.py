"""Prove an adjustment line: the charge as it counted it, less what stood billed by then, is what it adds."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from core.money import exact
from invoices import recount
from invoices.closed import is_usage
from invoices.findings import Finding, differing
from invoices.models import InvoiceCredit, InvoiceLine, LineKind
from invoices.recount import Recharged
from meters.meter_sql import Snapshot

_QUANTITIES = ("free_quantity", "credited_quantity", "chargeable_quantity", "unrounded_amount")


@exact()
def findings(line: InvoiceLine, lines: Iterable[InvoiceLine], draws: Iterable[InvoiceCredit]) -> list[Finding]:
    """Compute an adjustment of a charge once more, with the line that adjusts its minimum where there is one."""
    if line.snapshot is None:
        raise AssertionError("an adjustment of a charge is written with its snapshot")
    stored = line.waterfall
    credited = sum((Decimal(draw["quantity"]) for draw in stored["draws"]), Decimal(0))
    counted = recount.count(line, at=Snapshot(line.snapshot.log_epoch, line.snapshot.snapshot))
    again = recount.recharge(line, counted, credited=credited)
    found = [*_expected(line, again, credited), *_change(line), *_billed(line)]
    drawn = sum((draw.amount for draw in draws), Decimal(0))
    found += differing(line.public_id, ("units drawn", drawn, _drawn(stored["moves"])))
    for one in lines:
        if one.kind == LineKind.ADJUSTMENT and not is_usage(one) and _same_charge(one, line):
            found += differing(one.public_id, ("minimum", one.waterfall["expected"]["amount"], again.charge.minimum_top_up))
            found += _billed(one)
    return found


def quantity_of(line: InvoiceLine) -> Decimal | None:
    """Give the quantity of the charge that a usage or adjustment line counted, None for no value."""
    if line.kind == LineKind.USAGE:
        return line.quantity
    quantity = line.waterfall["expected"]["quantity"]
    return None if quantity is None else Decimal(quantity)


def _expected(line: InvoiceLine, again: Recharged, credited: Decimal) -> Iterator[Finding]:
    kept = line.waterfall["expected"]
    yield from differing(
        line.public_id,
        ("quantity", quantity_of(line), again.counted.quantity),
        ("event_count", kept["event_count"], again.counted.event_count),
        ("free_quantity", Decimal(kept["free_quantity"]), again.free_quantity),
        ("credited_quantity", Decimal(kept["credited_quantity"]), credited),
        ("chargeable_quantity", Decimal(kept["chargeable_quantity"]), again.chargeable_quantity),
        ("unrounded_amount", Decimal(kept["unrounded_amount"]), again.charge.unrounded_amount),
        ("expected amount", kept["amount"], again.charge.amount),
        ("credits beyond usage", Decimal(0), sum(again.uncovered, Decimal(0))),
    )


def _change(line: InvoiceLine) -> Iterator[Finding]:
    """Compare the columns with the difference between the charge and what stood billed."""
    expected, before = line.waterfall["expected"], line.waterfall["before"]
    yield from differing(
        line.public_id,
        ("change of events", line.event_count, expected["event_count"] - before["event_count"]),
        *((f"change of {name}", getattr(line, name), Decimal(expected[name]) - Decimal(before[name])) for name in _QUANTITIES),
        ("billed before", before["amount"], _sum_billed(line)),
    )


def _billed(line: InvoiceLine) -> Iterator[Finding]:
    """Compare what a line says was billed before with the lines that it names, and its amount with the difference."""
    named: Sequence[dict[str, Any]] = line.waterfall["billed"]
    amounts = dict(InvoiceLine.objects.filter(public_id__in=[one["line"] for one in named]).values_list("public_id", "amount"))
    yield from differing(
        line.public_id,
        *((f"billed on {one['line']}", one["amount"], amounts.get(one["line"])) for one in named),
        ("amount", line.amount, line.waterfall["expected"]["amount"] - _sum_billed(line)),
    )


def _sum_billed(line: InvoiceLine) -> int:
    return sum((one["amount"] for one in line.waterfall["billed"]), line.waterfall["waived_amount"])


def _drawn(moves: Iterable[dict[str, Any]]) -> Decimal:
    """Give the units that moves draw in sum, by grant period."""
    by_period: dict[int, Decimal] = {}
    for move in moves:
        by_period[move["grant_period_id"]] = by_period.get(move["grant_period_id"], Decimal(0)) + Decimal(move["quantity"])
    return sum((units for units in by_period.values() if units > 0), Decimal(0))


def _same_charge(one: InvoiceLine, other: InvoiceLine) -> bool:
    return (one.meter_id, one.period_start) == (other.meter_id, other.period_start)
