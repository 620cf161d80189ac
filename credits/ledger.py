"""Tell a grant's ledger in the order in which things came about, with the balance after each of them.

# Note [Entries of one instant]
A billing run gives the cycles to come their units before it burns those of the cycle that it bills, all at one instant. In order of writing
a ledger would show next month's units beside this month's: a balance that nobody ever had. So the entries of one instant stand period by
period, in order of writing within each; the instants stand in order of writing, whatever time a run was told to be at.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from core.money import exact
from credits.models import CreditEntry, CreditGrant


class Told(NamedTuple):
    """An entry. after: what all periods of the grant hold by the ledger behind it, in units or minor units."""

    entry: CreditEntry
    after: Decimal

    @property
    @exact()
    def before(self) -> Decimal:
        return self.after - self.entry.amount


@exact()
def of_grant(grant: CreditGrant) -> Sequence[Told]:
    """Read the entries of a grant, the oldest first, with it and their periods, in one query; it has a few for each of its periods."""
    entries = _in_order(CreditEntry.objects.filter(period__grant=grant).select_related("period"))
    for entry in entries:
        entry.period.grant = grant
    return [Told(*told) for told in zip(entries, accumulate(entry.amount for entry in entries), strict=True)]


def _in_order(entries: Iterable[CreditEntry]) -> list[CreditEntry]:
    """Sort entries, the oldest first. See Note [Entries of one instant]."""
    written = sorted(entries, key=lambda entry: entry.id)
    first: dict[object, int] = {}
    for entry in written:
        first.setdefault(entry.created_at, entry.id)
    return sorted(written, key=lambda entry: (first[entry.created_at], entry.period.starts_at, entry.id))
