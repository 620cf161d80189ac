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
from credits.burndown import PhaseUsage, chargeable_by_phase, summed_up
from invoices.charge import price
from invoices.inputs import ADDITIVE
from invoices.models import InvoiceLine
from meters import usage
from meters.aggregation import AGGREGATIONS, Reading
from meters.definition import Definition
from meters.meter_sql import Snapshot
from products.pricing import Charge, PriceTerms


@dataclass(frozen=True)
class Counted:
    """A quantity counted from raw events.

    phases: its parts in order of time; one where it does not add up.  earlier: what other terms charged in the same cycle, where
    the line goes on with it.
    """

    quantity: Decimal | None
    event_count: int
    phases: tuple[Decimal, ...]
    earlier: PhaseUsage | None = None


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

    def counted_in(period: Period) -> Iterator[Reading]:
        customer = line.invoice.customer_id
        events = usage.counted_events(definition=meaning, customer_id=customer, period=period, at=at)
        return (event.reading for event in events)

    span = earlier_of(line)
    earlier = None
    if span is not None:
        earlier = PhaseUsage(span, AGGREGATIONS[meaning.aggregation].fold(counted_in(span)) or Decimal(0))
    tally = _Tally()
    readings = tally.counting(counted_in(counted_period(line, meaning)))
    if meaning.aggregation not in ADDITIVE:
        quantity = AGGREGATIONS[meaning.aggregation].fold(readings)
        return Counted(quantity, tally.event_count, (quantity or Decimal(0),), earlier)
    parts = _by_phase(readings, [start for start, _ in _spans(line)])
    with exact():
        return Counted(sum(parts, Decimal(0)), tally.event_count, tuple(parts), earlier)


def recharge(line: InvoiceLine, counted: Counted, *, credited: Decimal) -> Recharged:
    """Charge a count under the stored terms. credited: the units that the line drew, by the ledger."""
    terms = PriceTerms.from_json(line.terms or {})
    meaning = Definition.from_json(line.definition or {})
    before = counted.earlier.quantity if counted.earlier else Decimal(0)
    with exact():
        additive = meaning.aggregation in ADDITIVE
        whole = (counted.quantity or Decimal(0)) + (before if additive else 0)
        uncredited = summed_up(whole, terms.free_threshold, (), before)
        rest = max(uncredited.remaining_quantity - credited, Decimal(0))
        grown = counted.phases if additive else (whole - before,)
        _before, *chargeable = chargeable_by_phase((before, *grown), free=terms.free_threshold)
    charge = price(rest, terms, earlier=counted.earlier, proration=Fraction(line.waterfall["proration"]))
    return Recharged(counted, uncredited.free_quantity, rest, charge, _uncovered(line, chargeable))


def period_of(line: InvoiceLine) -> Period:
    """Give the time that a line is for."""
    return Period(line.period_start, line.period_end)


def counted_period(line: InvoiceLine, definition: Definition) -> Period:
    """Give the time whose usage is a line's quantity: max and last of a cycle that goes on are those of all of it."""
    earlier = earlier_of(line)
    return period_of(line) if earlier is None or definition.aggregation in ADDITIVE else Period(earlier.start, line.period_end)


def earlier_of(line: InvoiceLine) -> Period | None:
    """Give the part of the cycle that other terms charged before, where the line goes on with it."""
    span = line.waterfall.get("earlier")
    return None if span is None else Period(datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"]))


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
