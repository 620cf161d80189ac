"""Serve wallets: a customer's money per currency that pays invoices, its credits and debits, and every movement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.deployment import business_id
from api.v1.pagination import PageQuery, Slice, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from credits import wallet_ledger, wallets
from credits.models import EntryKind
from credits.wallet_ledger import Movement
from credits.wallets import WalletChange
from customers import find as customers

EventType = Literal["payment", "payment_reversal", "merchant_adjustment"]
EVENT_TYPES: dict[str, EventType] = {EntryKind.BURNED: "payment", EntryKind.RETURNED: "payment_reversal"}


class WalletAnswer(msgspec.Struct, kw_only=True):
    """What a customer holds in one currency, in minor units. What drafts will take still counts."""

    customer_id: str
    currency: str
    balance: int
    created_at: datetime
    updated_at: datetime


class WalletsAnswer(msgspec.Struct, kw_only=True):
    """All wallets of a customer. total_balance_usd: that of the wallet in US dollars; currencies are not added up."""

    items: list[WalletAnswer]
    total_balance_usd: int


class WalletEntryCreate(msgspec.Struct, kw_only=True):
    """A credit to or a debit from a wallet. The same idempotency_key again answers what the first request did."""

    amount: shapes.Amount
    currency: str
    entry_type: Literal["credit", "debit"]
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class WalletQuery(PageQuery, kw_only=True):
    """The filter of a wallet's ledger."""

    currency: str | None = None


class WalletMovementAnswer(msgspec.Struct, kw_only=True):
    """One movement of a wallet, in minor units; reference_object_id is the invoice that it paid."""

    id: str
    business_id: str
    customer_id: str
    currency: str
    event_type: EventType
    is_credit: bool
    amount: int
    before_balance: int
    after_balance: int
    reason: str | None
    reference_object_id: str | None
    created_at: datetime


class CustomerWallets(Resource):
    """/customers/{customer_id}/wallets"""

    @describes("List a customer's wallets", answer=WalletsAnswer, errors=[404])
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        found = [
            WalletAnswer(
                customer_id=customer.public_id,
                currency=one.currency,
                balance=one.balance,
                created_at=one.created_at,
                updated_at=one.updated_at,
            )
            for one in wallets.of_customer(customer=customer, now=self.now)
        ]
        dollars = sum(one.balance for one in found if one.currency == "USD")
        return answer(WalletsAnswer(items=found, total_balance_usd=dollars))


class WalletEntries(Resource):
    """/customers/{customer_id}/wallets/ledger-entries"""

    @describes(
        "List the movements of a customer's wallets, newest first",
        query=WalletQuery,
        answer=WalletMovementAnswer,
        listed=True,
        errors=[404],
    )
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        query = body.decode_query(request.GET, WalletQuery)
        currency = shapes.currency(query.currency) if query.currency else None
        business = business_id()

        def shown(rows: Sequence[Movement]) -> list[WalletMovementAnswer]:
            return [_shown(row, customer.public_id, business) for row in rows]

        return answer(page(request, query, _Ledger(customer.id, currency), shown, now=self.now))

    @describes("Credit or debit a wallet", body=WalletEntryCreate, answer=WalletAnswer, errors=[400, 404, 409])
    def post(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        wanted = body.decode(request, WalletEntryCreate)
        change = WalletChange(
            currency=shapes.currency(wanted.currency),
            is_credit=wanted.entry_type == "credit",
            amount=wanted.amount,
            idempotency_key=wanted.idempotency_key,
            reason=wanted.reason or "",
        )
        entry = wallets.change(customer=customer, change=change, actor=self.actor, now=self.now)
        wallet = WalletAnswer(
            customer_id=customer.public_id,
            currency=entry.currency,
            balance=entry.after_balance,
            created_at=wallets.first_credited_at(customer=customer, currency=entry.currency),
            updated_at=entry.created_at,
        )
        return answer(wallet)


@dataclass(frozen=True)
class _Ledger:
    """The movements of a customer's wallets as a list that goes on from the end of a page."""

    customer_id: int
    currency: str | None

    def read(self, part: Slice) -> Sequence[Movement]:
        below, offset = (int(part.end), 0) if part.end else (None, part.offset)
        return wallet_ledger.read(self.customer_id, currency=self.currency, below=below, offset=offset, limit=part.limit)

    def end_of(self, row: Movement) -> str:
        return str(row.id)

    def upper(self) -> str:
        return ""


def _shown(row: Movement, customer_id: str, business: str) -> WalletMovementAnswer:
    return WalletMovementAnswer(
        id=row.public_id,
        business_id=business,
        customer_id=customer_id,
        currency=row.currency,
        event_type=EVENT_TYPES.get(row.kind, "merchant_adjustment"),
        is_credit=row.amount > 0,
        amount=abs(row.amount),
        before_balance=row.before,
        after_balance=row.after,
        reason=row.reason or None,
        reference_object_id=row.invoice_id or None,
        created_at=row.created_at,
    )
