"""Write many entries of the ledger at once, from plain values."""

from datetime import datetime
from decimal import Decimal

from access.actors import Actor
from core.copying import copy_text, escaped

_COLUMNS = "period_id, kind, amount, cause, invoice_id, line_id, actor_kind, actor_id, reason, created_at"


class Entries:
    """Entries that one actor makes at one time; nothing is written before `write`."""

    def __init__(self, *, actor: Actor, now: datetime) -> None:
        self._tail = f"\t{escaped(actor.kind)}\t{escaped(actor.id)}\t\t{now.isoformat()}\n"
        self.lines: list[str] = []

    def add(self, period_id: int, kind: str, amount: Decimal, cause: str, *, invoice_id: str = "", line_id: str = "") -> None:
        """Add an entry. amount: what it adds to the period's balance.  invoice_id, line_id: public."""
        self.lines.append(f"{period_id}\t{kind}\t{amount!s}\t{cause}\t{invoice_id}\t{line_id}{self._tail}")

    def write(self) -> None:
        """Write them, in the order in which they were added."""
        copy_text("credits_creditentry", _COLUMNS, self.lines)
