"""Serve entries by hand into the ledger of a credit entitlement: a credit tops its grant up, a debit takes of what is left."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.entitlement_balances import grant_of, period_id
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from credits import entering, ledger
from credits.models import CreditEntry, CreditGrant
from invoices import live_credit, low_balance

EntryType = Literal["credit", "debit"]


class EntitlementEntryCreate(msgspec.Struct, kw_only=True):
    """A credit to or a debit from what a grant gives now, above 0, in its unit or whole minor units.

    The same idempotency_key again answers what the first request did.
    """

    amount: str
    entry_type: EntryType
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class EntitlementEntryMade(msgspec.Struct, kw_only=True):
    """The entry, with the balance by the ledger before and after it; usage that is on no invoice yet is not in it."""

    id: str
    amount: str
    balance_after: str
    balance_before: str
    created_at: datetime
    credit_entitlement_id: str
    customer_id: str
    entry_type: EntryType
    is_credit: bool
    metadata: shapes.Metadata
    overage_after: str = "0"
    overage_before: str = "0"
    grant_id: str
    reason: str | None


class EntitlementEntries(Resource):
    """/credit-entitlements/{id}/balances/{customer_id}/ledger-entries"""

    @describes(
        "Credit or debit a customer's balance of a credit entitlement",
        body=EntitlementEntryCreate,
        answer=EntitlementEntryMade,
        errors=[400, 404, 409],
    )
    def post(self, request: Request, id: str, customer_id: str) -> HttpResponse:
        grant = grant_of(id, customer_id)
        wanted = body.decode(request, EntitlementEntryCreate)
        entry = self._enter(grant, wanted)
        low_balance.check(customer_ids=[grant.customer_id], now=self.now)
        return answer(_shown(entry, grant))

    def _enter(self, grant: CreditGrant, wanted: EntitlementEntryCreate) -> CreditEntry:
        entry: dict[str, Any] = {
            "grant": grant,
            "amount": shapes.decimal(wanted.amount, field="amount"),
            "reason": wanted.reason or "",
            "idempotency_key": wanted.idempotency_key,
            "actor": self.actor,
            "now": self.now,
        }
        return (
            entering.top_up(**entry) if wanted.entry_type == "credit" else entering.debit(**entry, left=lambda: self._left(grant))
        )

    def _left(self, grant: CreditGrant) -> Decimal:
        return live_credit.of_customers([grant.customer_id], now=self.now).left(grant.id, at=self.now)


def _shown(entry: CreditEntry, grant: CreditGrant) -> EntitlementEntryMade:
    told = next(told for told in reversed(ledger.of_grant(grant)) if told.entry.pk == entry.pk)
    return EntitlementEntryMade(
        id=str(entry.pk),
        amount=plain(abs(entry.amount)),
        balance_after=plain(told.after),
        balance_before=plain(told.before),
        created_at=entry.created_at,
        credit_entitlement_id=grant.public_id,
        customer_id=grant.customer.public_id,
        entry_type="credit" if entry.amount > 0 else "debit",
        is_credit=entry.amount > 0,
        metadata={},
        grant_id=period_id(grant, entry.period.starts_at),
        reason=entry.reason or None,
    )
