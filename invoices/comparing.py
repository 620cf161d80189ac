"""Compare what customers were charged with what draft terms would have charged them: sums, distribution, top movers. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from core.text import gettext_noop as _

TOP_MOVERS = 50


@dataclass(frozen=True)
class Row:
    """One customer's charges over the cycles compared, in minor units. customer: the public id."""

    customer: str
    name: str
    cycle_count: int
    old_amount: int
    new_amount: int

    @property
    def difference(self) -> int:
        """How much more the draft charges, in minor units; below zero: how much less."""
        return self.new_amount - self.old_amount


@dataclass(frozen=True)
class Band:
    """A class of the distribution. below: the change of the charge in percent lies below it, or at it where `closed`."""

    name: str
    label: str
    below: int | None
    closed: bool = False

    def holds(self, percent: Fraction) -> bool:
        """Whether a change lies below the upper end; bands are tried in order."""
        return self.below is None or percent < self.below or (self.closed and percent == self.below)


# A change of exactly a bound counts as the larger change, whichever way it goes.
FROM_NOTHING = Band("from_nothing", _("charged nothing before"), None)
BANDS = (
    Band("down_50", _("50% less, or lower"), -50, closed=True),
    Band("down_20", _("20% to 50% less"), -20, closed=True),
    Band("down_5", _("5% to 20% less"), -5, closed=True),
    Band("down", _("less than 5% less"), 0),
    Band("same", _("the same"), 0, closed=True),
    Band("up", _("less than 5% more"), 5),
    Band("up_5", _("5% to 20% more"), 20),
    Band("up_20", _("20% to 50% more"), 50),
    Band("up_50", _("50% more, or higher"), None),
    FROM_NOTHING,
)


def band(row: Row) -> str:
    """Name the band that a customer's change falls into."""
    if not row.difference:
        return "same"
    if not row.old_amount:
        return FROM_NOTHING.name
    percent = Fraction(100 * row.difference, abs(row.old_amount))
    return next(one.name for one in BANDS if one.name != "same" and one.holds(percent))


@dataclass
class Tally:
    """What a comparison has found so far; it does not grow with the customers. after: the internal id of the customer it is at."""

    after: int = 0
    customer_count: int = 0
    cycle_count: int = 0
    differing: int = 0
    old_amount: int = 0
    new_amount: int = 0
    bands: dict[str, int] = field(default_factory=dict)
    movers: list[Row] = field(default_factory=list)

    @property
    def difference(self) -> int:
        """How much more the draft charges all of them, in minor units."""
        return self.new_amount - self.old_amount

    def add(self, rows: Iterable[Row]) -> None:
        """Take customers in. Each is added once."""
        rows = list(rows)
        for row in rows:
            self.customer_count += 1
            self.cycle_count += row.cycle_count
            self.differing += row.difference != 0
            self.old_amount += row.old_amount
            self.new_amount += row.new_amount
            self.bands[band(row)] = self.bands.get(band(row), 0) + 1
        self.movers = _top([*self.movers, *(row for row in rows if row.difference)])

    def distribution(self) -> tuple[tuple[Band, int], ...]:
        """Give every band with its number of customers, empty ones too."""
        return tuple((one, self.bands.get(one.name, 0)) for one in BANDS)


def _top(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-abs(row.difference), row.customer))[:TOP_MOVERS]
