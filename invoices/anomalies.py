"""Say what is odd about a draft before it is issued, each with a reason that a person can check. PURE.

What is odd is decided here; who gathers the figures (invoices.review) decides nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from core.text import gettext_noop as _

Kind = Literal[
    "held", "no_figures", "no_usage", "ten_times", "negative_adjustment", "late_held", "conflicts", "refused"
]  # fmt: skip

# In the order in which a person would look. What stands in brackets is filled in by whoever shows the sentence.
REASONS: Mapping[Kind, str] = {
    "held": _("It is held back: %(reason)s"),
    "no_figures": _("Its figures cannot be made: %(reason)s"),
    "no_usage": _("%(meter)s shows no usage; the cycle before it had %(before)s %(unit)s."),
    "ten_times": _("%(meter)s is at least ten times the usual: %(quantity)s %(unit)s where %(before)s is the middle of the cycles before."),
    "negative_adjustment": _("It pays back %(amount)s for cycles that were billed before."),
    "late_held": _("Usage that came late is held and waits for a decision; charges: %(count)s."),
    "conflicts": _("Event ids came with two contents since the cycle began; open: %(count)s."),
    "refused": _("Events of this customer were refused since the cycle began; open: %(count)s."),
}  # fmt: skip
# The same in a word or two, for filters.
LABELS: Mapping[Kind, str] = {
    "held": _("Held back"),
    "no_figures": _("No figures"),
    "no_usage": _("No usage"),
    "ten_times": _("Ten times the usual"),
    "negative_adjustment": _("Pays back"),
    "late_held": _("Late usage held"),
    "conflicts": _("Conflicts"),
    "refused": _("Refused events"),
}
TIMES_THE_USUAL = 10


@dataclass(frozen=True)
class MeterUsage:
    """A meter's quantity on a draft, in its unit, and those of the cycles before it, the latest first; None is no value."""

    meter: str
    unit: str
    quantity: Decimal | None
    before: Sequence[Decimal | None] = ()


@dataclass(frozen=True)
class Seen:
    """What is known of one draft. adjustments: the amounts of its adjustment lines, in minor units.

    hold_reason: None where it is not held.  problem: why its figures cannot be made.  The counts are of what is open.
    """

    usage: Sequence[MeterUsage] = ()
    adjustments: Sequence[int] = ()
    hold_reason: str | None = None
    problem: str = ""
    late_held_count: int = 0
    conflict_count: int = 0
    refused_count: int = 0


@dataclass(frozen=True)
class Anomaly:
    """One odd thing. meter, unit: of the meter that it is about.  before: the quantity to compare with.  amount: minor units."""

    kind: Kind
    meter: str = ""
    unit: str = ""
    quantity: Decimal = Decimal(0)
    before: Decimal = Decimal(0)
    amount: int = 0
    count: int = 0
    reason: str = field(default="")


def anomalies(seen: Seen) -> tuple[Anomaly, ...]:
    """List what is odd about a draft, in the order of REASONS."""
    order = list(REASONS)
    return tuple(sorted(_found(seen), key=lambda one: order.index(one.kind)))


def _found(seen: Seen) -> Iterator[Anomaly]:
    if seen.hold_reason is not None:
        yield Anomaly("held", reason=seen.hold_reason)
    elif seen.problem:
        yield Anomaly("no_figures", reason=seen.problem)
    for one in seen.usage:
        yield from _of_usage(one)
    paid_back = sum(amount for amount in seen.adjustments if amount < 0)
    if paid_back:
        yield Anomaly("negative_adjustment", amount=-paid_back)
    counts: tuple[tuple[Kind, int], ...] = (
        ("late_held", seen.late_held_count),
        ("conflicts", seen.conflict_count),
        ("refused", seen.refused_count),
    )
    for kind, count in counts:
        if count:
            yield Anomaly(kind, count=count)


def _of_usage(one: MeterUsage) -> Iterator[Anomaly]:
    if not one.before:
        return
    latest, quantity = one.before[0] or Decimal(0), one.quantity or Decimal(0)
    if not quantity and latest > 0:
        yield Anomaly("no_usage", one.meter, one.unit, before=latest)
    usual = usual_of(one.before)
    if usual > 0 and quantity >= TIMES_THE_USUAL * usual:
        yield Anomaly("ten_times", one.meter, one.unit, quantity=quantity, before=usual)


def usual_of(before: Sequence[Decimal | None]) -> Decimal:
    """Give the middle of the quantities that are no nothing, the lower one of two; 0 where there is none.

    The middle, so that one odd cycle does not make the next one look usual; without empty ones, so that a pause does not make all odd.
    """
    counted = sorted(quantity for quantity in before if quantity)
    return counted[(len(counted) - 1) // 2] if counted else Decimal(0)
