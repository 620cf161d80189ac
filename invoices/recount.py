"""Charge a stored line once more, from raw events through the Python meaning alone: neither rollups nor filter SQL are asked."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from core.money import exact
from core.periods import Period
from credits.burndown import chargeable_by_phase
from invoices.inputs import ADDITIVE
from invoices.models import InvoiceLine
from meters import usage
from meters.aggregation import AGGREGATIONS, Reading
from meters.definition import Definition
from meters.meter_sql import Snapshot
from products.pricing import Charge, PriceTerms, rate


@dataclass(frozen=True)
class Counted:
    """A quantity counted from raw events. phases: its parts in order of time; one where it does not add up."""

    quantity: Decimal | None
    event_count: int
    phases: tuple[Decimal, ...]


@dataclass(frozen=True)
class Recharged:
    """A line's figures computed once more, with the credits that it drew. uncovered: draws beyond what their phases charge."""

    counted: Counted
    free_quantity: Decimal
    chargeable_quantity: Decimal
    charge: Charge
    uncovered: tuple[Decimal, ...]


def count(line: InvoiceLine, *, at: Snapshot | None, definition: Definition | None = None) -> Counted:
    """Count a usage line's events anew. at: the events of which snapshot.  definition: the stored one if None."""
    meaning = definition or Definition.from_json(line.definition or {})
    events = usage.counted_events(definition=meaning, customer_id=line.invoice.customer_id, period=period_of(line), at=at)
    tally = _Tally()
    readings = tally.counting(event.reading for event in events)
    if meaning.aggregation not in ADDITIVE:
        quantity = AGGREGATIONS[meaning.aggregation].fold(readings)
        return Counted(quantity, tally.event_count, (quantity or Decimal(0),))
    parts = _by_phase(readings, [start for start, _ in _spans(line)])
    with exact():
        return Counted(sum(parts, Decimal(0)), tally.event_count, tuple(parts))


def recharge(line: InvoiceLine, counted: Counted, *, credited: Decimal) -> Recharged:
    """Charge a count under the stored terms. credited: the units that the line drew, by the ledger."""
    terms = PriceTerms.from_json(line.terms or {})
    chargeable = chargeable_by_phase(counted.phases, free=terms.free_threshold)
    with exact():
        used = max(counted.quantity or Decimal(0), Decimal(0))
        free = min(used, terms.free_threshold)
        rest = max(used - free - credited, Decimal(0))
    charge = rate(quantity=rest, terms=terms, proration=Fraction(line.waterfall["proration"]))
    return Recharged(counted, free, rest, charge, _uncovered(line, chargeable))


def period_of(line: InvoiceLine) -> Period:
    """Give the time whose usage a line charges."""
    return Period(line.period_start, line.period_end)


class _Tally:
    """Count what a stream passes on."""

    def __init__(self) -> None:
        self.event_count = 0

    def counting(self, readings: Iterable[Reading]) -> Iterator[Reading]:
        for reading in readings:
            self.event_count += 1
            yield reading


def _by_phase(readings: Iterable[Reading], starts: Sequence[datetime]) -> list[Decimal]:
    parts = [Decimal(0)] * len(starts)
    # The context stays within this function: a stream's consumer must not run under it between two events.
    for reading in readings:
        at = bisect_right(starts, reading.timestamp) - 1
        with exact():
            parts[at] += reading.number
    return parts


def _spans(line: InvoiceLine) -> list[tuple[datetime, datetime]]:
    """Give the phases that the cycle was cut into; the whole cycle where it was not."""
    phases: Sequence[Mapping[str, Any]] | None = line.waterfall["phases"]
    if phases is None:
        return [(line.period_start, line.period_end)]
    return [(datetime.fromisoformat(phase["start"]), datetime.fromisoformat(phase["end"])) for phase in phases]


def _uncovered(line: InvoiceLine, chargeable: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Give by how much the draws of each phase exceed what it charges, where they do."""
    spans = _spans(line)
    with exact():
        drawn = [Decimal(0)] * len(spans)
        for draw in line.waterfall["draws"]:
            # The draws of a quantity that does not add up are dated at the cycle's last instant.
            at = bisect_right([start for start, _ in spans], datetime.fromisoformat(draw["start"])) - 1
            drawn[at] += Decimal(draw["quantity"])
        return tuple(over for one, limit in zip(drawn, chargeable, strict=True) if (over := one - limit) > 0)
