"""Serve credit grants: what a customer holds before it pays, with balance and ledger."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.body import invalid
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from core.periods import Interval
from credits import balances, grants
from credits.balances import Held
from credits.grants import GrantInput
from credits.models import CreditEntry, CreditGrant, CreditKind
from customers import find as customers
from customers.models import Customer
from invoices import preview
from meters.models import Meter
from products.models import Subscription

ROWS = CreditGrant.objects.select_related("customer", "meter", "subscription")
Quantity = str | int


class CreditGrantCreate(msgspec.Struct, kw_only=True):
    """Credit for a customer. units: meter_id, amount a decimal string; money: currency, amount an integer of minor units.

    renews: with a subscription's cycles, or every renewal_count renewal_intervals. Smaller priorities are used up first.
    """

    kind: Literal["units", "money"]
    amount: Quantity
    meter_id: str | None = None
    currency: str | None = None
    applies_to: Literal["usage", "invoice"] | None = None
    priority: Annotated[int, msgspec.Meta(ge=-32_768, le=32_767)] | None = None
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    renews: bool | None = None
    subscription_id: str | None = None
    renewal_interval: shapes.Interval | None = None
    renewal_count: shapes.Count | None = None
    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    metadata: shapes.Metadata | None = None


class CreditGrantVoid(msgspec.Struct, kw_only=True):
    """Why a grant ends."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class CreditEntryAnswer(msgspec.Struct, kw_only=True):
    """One change of a balance; positive adds. invoice_id, line_id: what used or returned it."""

    kind: str
    amount: Quantity
    period_start: datetime
    period_end: datetime | None
    invoice_id: str | None
    line_id: str | None
    reason: str | None
    created_at: datetime


class CreditGrantAnswer(msgspec.Struct, kw_only=True):
    """A credit grant; balance: what is left now, after the live use of cycles that are not invoiced yet."""

    id: str
    customer_id: str
    kind: str
    name: str | None
    amount: Quantity
    balance: Quantity
    meter_id: str | None
    currency: str | None
    applies_to: str
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    renews: bool
    subscription_id: str | None
    renewal_interval: str | None
    renewal_count: int | None
    metadata: shapes.Metadata
    created_at: datetime
    voided_at: datetime | None
    void_reason: str | None


class CreditGrantWithEntries(CreditGrantAnswer, kw_only=True):
    """A credit grant with its ledger, oldest entry first."""

    entries: list[CreditEntryAnswer]


class CustomerGrants(Resource):
    """/customers/{customer_id}/credit-grants"""

    @describes(
        "List a customer's credit grants, newest first", query=PageQuery, answer=CreditGrantAnswer, listed=True, errors=[404]
    )
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        query = body.decode_query(request.GET, PageQuery)
        held = _balances(customer, self.now)

        def shown(rows: Sequence[CreditGrant]) -> list[CreditGrantAnswer]:
            return [CreditGrantAnswer(**_shown(grant, held)) for grant in rows]

        return answer(page(request, query, NewestFirst(ROWS.filter(customer=customer)), shown, now=self.now))

    @describes("Give a customer credit", body=CreditGrantCreate, answer=CreditGrantWithEntries, status=201, errors=[400, 404])
    def post(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        wanted = body.decode(request, CreditGrantCreate)
        made = grants.create(customer=customer, grant=_input(wanted, self.now), actor=self.actor, now=self.now)
        return answer(_with_entries(ROWS.get(id=made.id), self.now), status=201)


class GrantById(Resource):
    """/credit-grants/{id}"""

    @describes("Retrieve a credit grant with its ledger", answer=CreditGrantWithEntries, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(_with_entries(find(ROWS, id), self.now))


class GrantVoid(Resource):
    """/credit-grants/{id}/void"""

    @describes("End a credit grant now", body=CreditGrantVoid, answer=CreditGrantWithEntries, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        grant = find(ROWS, id)
        wanted = body.decode(request, CreditGrantVoid)
        grants.void(grant=grant, reason=wanted.reason, actor=self.actor, now=self.now)
        return answer(_with_entries(find(ROWS, id), self.now))


def _input(wanted: CreditGrantCreate, now: datetime) -> GrantInput:
    """Read a grant of the wire. Raises Refused."""
    if (wanted.renewal_interval is None) != (wanted.renewal_count is None):
        raise invalid("renewal_interval", "and renewal_count go together")
    renewal = (
        Interval(wanted.renewal_interval, wanted.renewal_count) if wanted.renewal_interval and wanted.renewal_count else None
    )
    return GrantInput(
        kind=wanted.kind,
        amount=_amount(wanted),
        effective_at=shapes.utc(wanted.effective_at) if wanted.effective_at else now,
        meter=find(Meter, wanted.meter_id) if wanted.meter_id else None,
        currency=shapes.currency(wanted.currency) if wanted.currency else None,
        applies_to=wanted.applies_to or "usage",
        priority=100 if wanted.priority is None else wanted.priority,
        expires_at=shapes.utc(wanted.expires_at) if wanted.expires_at else None,
        renews=bool(wanted.renews),
        subscription=find(Subscription, wanted.subscription_id) if wanted.subscription_id else None,
        renewal=renewal,
        name=wanted.name or "",
        metadata=body.scalars(wanted.metadata or {}),
    )


def _amount(wanted: CreditGrantCreate) -> Decimal:
    if wanted.kind == CreditKind.MONEY:
        if not isinstance(wanted.amount, int) or wanted.amount > 10**15:
            raise invalid("amount", "of money must be a whole number of minor units, at most 10^15")
        return Decimal(wanted.amount)
    if not isinstance(wanted.amount, str):
        raise invalid("amount", "of units must be a decimal string")
    return shapes.decimal(wanted.amount, field="amount")


def _balances(customer: Customer, now: datetime) -> Mapping[int, Decimal]:
    """Sum what each grant of a customer holds at `now`, by the grant's internal id."""
    alive = {_key(one): one for one in balances.foreseen(customer_ids=[customer.id], within=balances.at(now))}
    alive |= {_key(one): one for one in preview.left(customer.id, now=now) if one.balance.period.contains(now)}
    sums: dict[int, Decimal] = {}
    for one in alive.values():
        if one.grant.voided_at is None:
            sums[one.grant.id] = sums.get(one.grant.id, Decimal(0)) + one.balance.available
    return sums


def _key(one: Held) -> tuple[int, datetime]:
    return one.grant.id, one.balance.period.start


def _with_entries(grant: CreditGrant, now: datetime) -> CreditGrantWithEntries:
    entries = CreditEntry.objects.filter(period__grant=grant).select_related("period").order_by("id")
    return CreditGrantWithEntries(**_shown(grant, _balances(grant.customer, now)), entries=list(_entries(grant, entries)))


def _entries(grant: CreditGrant, entries: Iterable[CreditEntry]) -> Iterable[CreditEntryAnswer]:
    for entry in entries:
        yield CreditEntryAnswer(
            kind=entry.kind,
            amount=_quantity(grant, entry.amount),
            period_start=entry.period.starts_at,
            period_end=entry.period.ends_at,
            invoice_id=entry.invoice_id or None,
            line_id=entry.line_id or None,
            reason=entry.reason or None,
            created_at=entry.created_at,
        )


def _shown(grant: CreditGrant, held: Mapping[int, Decimal]) -> dict[str, Any]:
    return {
        "id": grant.public_id,
        "customer_id": grant.customer.public_id,
        "kind": grant.kind,
        "name": grant.name or None,
        "amount": _quantity(grant, grant.amount),
        "balance": _quantity(grant, held.get(grant.id, Decimal(0))),
        "meter_id": grant.meter.public_id if grant.meter else None,
        "currency": grant.currency,
        "applies_to": grant.applies_to,
        "priority": grant.priority,
        "effective_at": grant.effective_at,
        "expires_at": grant.expires_at,
        "renews": grant.renews,
        "subscription_id": grant.subscription.public_id if grant.subscription else None,
        "renewal_interval": grant.renewal_interval,
        "renewal_count": grant.renewal_count,
        "metadata": grant.metadata,
        "created_at": grant.created_at,
        "voided_at": grant.voided_at,
        "void_reason": grant.void_reason or None,
    }


def _quantity(grant: CreditGrant, number: Decimal) -> Quantity:
    """Write units as a plain decimal, money as an integer of minor units."""
    return int(number) if grant.kind == CreditKind.MONEY else plain(number)
