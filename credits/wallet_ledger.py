"""List every movement of a customer's wallets: credits and debits by hand, what invoices took, what expired."""

from datetime import datetime
from typing import NamedTuple

from core import database
from core.sql import load


class Movement(NamedTuple):
    """One change of a wallet. amount: minor units, positive adds.  before, after: the balance in the ledger.  kind: an EntryKind."""

    id: int
    public_id: str
    currency: str
    kind: str
    amount: int
    before: int
    after: int
    created_at: datetime
    invoice_id: str
    reason: str


def read(
    customer_id: int, *, currency: str | None = None, below: int | None = None, offset: int = 0, limit: int = 100
) -> list[Movement]:
    """Read movements, the newest first: those before the movement `below`, or all, after `offset` of them."""
    bound = {"customer": customer_id, "currency": currency, "below": below, "offset": offset, "limit": limit}
    return [Movement._make(row) for row in database.read(load(__file__, "wallet_ledger"), bound)]
