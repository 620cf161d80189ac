"""Serve the balances of credit entitlements, where an entitlement is a grant, which one customer has, and its ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.deployment import brand_id, business_id
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, Slice, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from credits import ledger
from credits.ledger import Told
from credits.models import CreditEntry, CreditGrant, EntryKind
from customers import find as customers
from invoices import live_credit

Transaction = Literal["credit_added", "credit_deducted", "credit_expired", "credit_rolled_over", "manual_adjustment", "refund"]
TRANSACTIONS: dict[str, Transaction] = {
    EntryKind.GRANTED: "credit_added",
    EntryKind.TOPPED_UP: "credit_added",
    EntryKind.BURNED: "credit_deducted",
    EntryKind.EXPIRED: "credit_expired",
    EntryKind.ROLLED_IN: "credit_rolled_over",
    EntryKind.ROLLED_OUT: "credit_rolled_over",
    EntryKind.RETURNED: "refund",
    EntryKind.DEBITED: "manual_adjustment",
    EntryKind.VOIDED: "manual_adjustment",
}
_GRANTS = CreditGrant.objects.select_related("customer", "subscription")


class BalanceQuery(PageQuery, kw_only=True):
    """The filter of the balances of an entitlement."""

    customer_id: str | None = None


class LedgerQuery(PageQuery, kw_only=True):
    """The filters of a ledger: written in [start_date, end_date), of one kind of transaction."""

    start_date: datetime | None = None
    end_date: datetime | None = None
    transaction_type: str | None = None


class EntitlementBalanceAnswer(msgspec.Struct, kw_only=True):
    """What a customer has left of a grant at this moment, after all usage so far, in its unit or in minor units."""

    id: str
    balance: str
    created_at: datetime
    credit_entitlement_id: str
    customer_id: str
    overage: str
    updated_at: datetime
    last_transaction_at: datetime | None


class EntitlementEntryAnswer(msgspec.Struct, kw_only=True):
    """One change of what a grant holds by its ledger; usage that is on no invoice yet is not in it.

    grant_id: the period's, as its list of grants names it.  reference_id: the invoice's.
    """

    id: str
    amount: str
    balance_after: str
    balance_before: str
    brand_id: str
    business_id: str
    created_at: datetime
    credit_entitlement_id: str
    customer_id: str
    is_credit: bool
    metadata: shapes.Metadata
    overage_after: str
    overage_before: str
    transaction_type: Transaction
    description: str | None
    grant_id: str
    reference_id: str | None
    reference_type: str | None


class EntitlementBalances(Resource):
    """/credit-entitlements/{id}/balances"""

    @describes(
        "List who has a balance of a credit entitlement",
        query=BalanceQuery,
        answer=EntitlementBalanceAnswer,
        listed=True,
        errors=[404],
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        query = body.decode_query(request.GET, BalanceQuery)
        having = _GRANTS.filter(id=find(_GRANTS, id).id)
        if query.customer_id is not None:
            having = having.filter(customer=customers.find(query.customer_id))

        def shown(rows: Sequence[CreditGrant]) -> list[EntitlementBalanceAnswer]:
            return [_balance(grant, self.now) for grant in rows]

        return answer(page(request, query, NewestFirst(having), shown, now=self.now))


class EntitlementBalance(Resource):
    """/credit-entitlements/{id}/balances/{customer_id}"""

    @describes("Retrieve a customer's balance of a credit entitlement", answer=EntitlementBalanceAnswer, errors=[404])
    def get(self, request: Request, id: str, customer_id: str) -> HttpResponse:
        return answer(_balance(grant_of(id, customer_id), self.now))


class EntitlementLedger(Resource):
    """/credit-entitlements/{id}/balances/{customer_id}/ledger"""

    @describes(
        "List what changed a customer's balance of a credit entitlement, newest first",
        query=LedgerQuery,
        answer=EntitlementEntryAnswer,
        listed=True,
        errors=[404],
    )
    def get(self, request: Request, id: str, customer_id: str) -> HttpResponse:
        grant = grant_of(id, customer_id)
        query = body.decode_query(request.GET, LedgerQuery)
        business, brand = business_id(), brand_id()

        def shown(rows: Sequence[Told]) -> list[EntitlementEntryAnswer]:
            return [_entry(told, grant, business=business, brand=brand) for told in rows]

        return answer(page(request, query, _Ledger(grant, query), shown, now=self.now))


@dataclass(frozen=True)
class _Ledger:
    """A grant's ledger, newest first, as a list that goes on from the end of a page."""

    grant: CreditGrant
    query: LedgerQuery

    def read(self, part: Slice) -> Sequence[Told]:
        rows = [told for told in reversed(ledger.of_grant(self.grant)) if _is_asked_for(told.entry, self.query)]
        ends = [number for number, told in enumerate(rows, 1) if self.end_of(told) == part.end]
        first = ends[0] if ends else part.offset
        return rows[first : first + part.limit]

    def end_of(self, row: Told) -> str:
        return str(row.entry.pk)

    def upper(self) -> str:
        return ""


def grant_of(id: str, customer_id: str) -> CreditGrant:
    """Find a customer's grant; another customer's is not found. Raises Refused."""
    return find(_GRANTS.filter(customer=customers.find(customer_id)), id)


def period_id(grant: CreditGrant, starts_at: datetime) -> str:
    """Name a period of a grant, also one that is not written yet: its grant and where it begins are unique, and stay."""
    return f"{grant.public_id}_{starts_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"


def _balance(grant: CreditGrant, now: datetime) -> EntitlementBalanceAnswer:
    credit = live_credit.of_customers([grant.customer_id], now=now)
    latest = CreditEntry.objects.filter(period__grant=grant).order_by("-created_at", "-id").first()
    return EntitlementBalanceAnswer(
        id=grant.public_id,
        balance=plain(credit.left(grant.id, at=now)),
        created_at=grant.created_at,
        credit_entitlement_id=grant.public_id,
        customer_id=grant.customer.public_id,
        overage="0",
        updated_at=latest.created_at if latest else grant.created_at,
        last_transaction_at=latest.created_at if latest else None,
    )


def _is_asked_for(entry: CreditEntry, query: LedgerQuery) -> bool:
    start, end = query.start_date, query.end_date
    return (
        (start is None or entry.created_at >= shapes.utc(start))
        and (end is None or entry.created_at < shapes.utc(end))
        and query.transaction_type in (None, TRANSACTIONS[entry.kind])
    )


def _entry(told: Told, grant: CreditGrant, *, business: str, brand: str) -> EntitlementEntryAnswer:
    entry = told.entry
    return EntitlementEntryAnswer(
        id=str(entry.pk),
        amount=plain(abs(entry.amount)),
        balance_after=plain(told.after),
        balance_before=plain(told.before),
        brand_id=brand,
        business_id=business,
        created_at=entry.created_at,
        credit_entitlement_id=grant.public_id,
        customer_id=grant.customer.public_id,
        is_credit=entry.amount > 0,
        metadata={},
        overage_after="0",
        overage_before="0",
        transaction_type=TRANSACTIONS[entry.kind],
        description=entry.reason or None,
        grant_id=period_id(grant, entry.period.starts_at),
        reference_id=entry.invoice_id or None,
        reference_type="invoice" if entry.invoice_id else None,
    )
