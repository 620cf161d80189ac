"""Read grants as plain rows: what burning, renewing and settling need of them, thousands at a time."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from core import database
from credits.models import CreditGrant


class Rule(NamedTuple):
    """One grant. The fields are those of CreditGrant."""

    id: int
    public_id: str
    name: str
    customer_id: int
    subscription_id: int | None
    kind: str
    meter_id: int | None
    currency: str | None
    amount: Decimal
    applies_to: str
    priority: int
    rollover: str
    rollover_cap: Decimal | None
    effective_at: datetime
    expires_at: datetime | None
    renews: bool
    renewal_interval: str | None
    renewal_count: int | None
    voided_at: datetime | None
    product_credit_id: int | None

    def __str__(self) -> str:
        return self.name or self.public_id


COLUMNS = ", ".join(f"g.{name}" for name in Rule._fields)
_OF_IDS = f"SELECT {COLUMNS} FROM credits_creditgrant g WHERE g.id = ANY(%(ids)s::bigint[])"  # noqa: S608 -- names of our own


def of(grant: CreditGrant) -> Rule:
    """Give the rule that a grant is."""
    return Rule._make(getattr(grant, name) for name in Rule._fields)


def read(grant_ids: Iterable[int]) -> dict[int, Rule]:
    """Read grants by their keys."""
    return {row[0]: Rule._make(row) for row in database.read(_OF_IDS, {"ids": database.array(grant_ids)})}
