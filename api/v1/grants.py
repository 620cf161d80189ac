"""Serve credit grants: what a customer holds before it pays, with balance and ledger."""

from collections.abc import Iterable, Sequence
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
from credits import entering, grants
from credits.grants import GrantInput
from credits.models import CreditGrant, CreditKind, ProductCredit
from customers import find as customers
from invoices import credit_history, live_credit, low_balance
from invoices.live_credit import LiveCredit
from meters.models import Meter
from products.models import Subscription

ROWS = CreditGrant.objects.select_related("customer", "meter", "subscription")
Quantity = str | int


class CreditGrantCreate(msgspec.Struct, kw_only=True):
    """Credit for a customer. units: meter_id, amount a decimal string; money: currency, amount an integer of minor units.

    renews: with a subscription's cycles, or every renewal_count renewal_intervals. Smaller priorities are used up first.
    low_balance_threshold: what is left live, in the form of the amount, at which the webhook credit.balance_low is sent.
    The same idempotency_key again gives nothing more, and answers the grant that it gave.
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
    rollover: Literal["none", "all", "capped"] | None = None
    rollover_cap: Quantity | None = None
    low_balance_threshold: Quantity | None = None
    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    metadata: shapes.Metadata | None = None
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


class CreditGrantVoid(msgspec.Struct, kw_only=True):
    """Why a grant ends."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class CreditGrantUpdate(msgspec.Struct, kw_only=True):
    """What may change of a grant that stands. Null: nobody is told that it is low."""

    low_balance_threshold: Quantity | None


class CreditGrantTopUp(msgspec.Struct, kw_only=True):
    """More for the period that runs now. The same idempotency_key again adds nothing."""

    amount: Quantity
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


class GrantPeriodAnswer(msgspec.Struct, kw_only=True):
    """What a grant holds in one stretch of usage time.

    entered_balance: by the ledger.  live_burn: what usage that is on no issued invoice yet has taken of it.  balance: the difference.
    """

    period_start: datetime
    period_end: datetime | None
    entered_balance: Quantity
    live_burn: Quantity
    balance: Quantity
    settled_at: datetime | None


class CreditEntryAnswer(msgspec.Struct, kw_only=True):
    """One change of a balance; positive adds. invoice_id, line_id: what used or returned it. created_by: as kind:id."""

    kind: str
    amount: Quantity
    period_start: datetime
    period_end: datetime | None
    invoice_id: str | None
    invoice_number: str | None
    line_id: str | None
    line_description: str | None
    reason: str | None
    created_at: datetime
    created_by: str


class CreditGrantAnswer(msgspec.Struct, kw_only=True):
    """A credit grant; balance: what is left now, after the live use of cycles that are not invoiced yet.

    entered_balance: the same by the ledger alone, as the latest issued invoice left it.
    """

    id: str
    customer_id: str
    kind: str
    name: str | None
    amount: Quantity
    balance: Quantity
    entered_balance: Quantity
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
    rollover: str
    rollover_cap: Quantity | None
    low_balance_threshold: Quantity | None
    metadata: shapes.Metadata
    reason: str | None
    created_at: datetime
    created_by: str
    voided_at: datetime | None
    void_reason: str | None


class CreditGrantWithEntries(CreditGrantAnswer, kw_only=True):
    """A credit grant with its periods, and its ledger, oldest entry first."""

    periods: list[GrantPeriodAnswer]
    entries: list[CreditEntryAnswer]


class CustomerGrants(Resource):
    """/customers/{customer_id}/credit-grants"""

    @describes(
        "List a customer's credit grants, newest first", query=PageQuery, answer=CreditGrantAnswer, listed=True, errors=[404]
    )
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        query = body.decode_query(request.GET, PageQuery)

        def shown(rows: Sequence[CreditGrant]) -> list[CreditGrantAnswer]:
            credit = live_credit.of_customers([customer.id], now=self.now)  # behind the rows: of each there is a balance
            return [CreditGrantAnswer(**_shown(grant, credit, self.now)) for grant in rows]

        return answer(page(request, query, NewestFirst(ROWS.filter(customer=customer)), shown, now=self.now))

    @describes(
        "Give a customer credit", body=CreditGrantCreate, answer=CreditGrantWithEntries, status=201, errors=[400, 404, 409]
    )
    def post(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        wanted = body.decode(request, CreditGrantCreate)
        asked: dict[str, Any] = {"customer": customer, "grant": _input(wanted, self.now), "actor": self.actor, "now": self.now}
        key = wanted.idempotency_key
        made = grants.create(**asked) if key is None else grants.create_once(**asked, idempotency_key=key)
        low_balance.check(customer_ids=[customer.id], now=self.now)
        return answer(_with_entries(ROWS.get(id=made.id), self.now), status=201)


class GrantById(Resource):
    """/credit-grants/{id}"""

    @describes("Retrieve a credit grant with its ledger", answer=CreditGrantWithEntries, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(_with_entries(find(ROWS, id), self.now))

    @describes("Change when a credit grant is low", body=CreditGrantUpdate, answer=CreditGrantWithEntries, errors=[400, 404])
    def patch(self, request: Request, id: str) -> HttpResponse:
        grant = find(ROWS, id)
        wanted = body.decode(request, CreditGrantUpdate).low_balance_threshold
        threshold = None if wanted is None else number(grant.kind, wanted, field="low_balance_threshold")
        grants.set_threshold(grant=grant, threshold=threshold)
        low_balance.check(customer_ids=[grant.customer_id], now=self.now)
        return answer(_with_entries(grant, self.now))


class GrantTopUp(Resource):
    """/credit-grants/{id}/top-up"""

    @describes("Add to a credit grant", body=CreditGrantTopUp, answer=CreditGrantWithEntries, errors=[400, 404, 409])
    def post(self, request: Request, id: str) -> HttpResponse:
        grant = find(ROWS, id)
        wanted = body.decode(request, CreditGrantTopUp)
        entering.top_up(
            grant=grant,
            amount=number(grant.kind, wanted.amount, field="amount"),
            reason=wanted.reason,
            idempotency_key=wanted.idempotency_key,
            actor=self.actor,
            now=self.now,
        )
        low_balance.check(customer_ids=[grant.customer_id], now=self.now)
        return answer(_with_entries(grant, self.now))


class GrantVoid(Resource):
    """/credit-grants/{id}/void"""

    @describes("End a credit grant now", body=CreditGrantVoid, answer=CreditGrantWithEntries, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        grant = find(ROWS, id)
        wanted = body.decode(request, CreditGrantVoid)
        grants.void(grant=grant, reason=wanted.reason, actor=self.actor, now=self.now)
        low_balance.check(customer_ids=[grant.customer_id], now=self.now)
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
        amount=number(wanted.kind, wanted.amount, field="amount"),
        effective_at=shapes.utc(wanted.effective_at) if wanted.effective_at else now,
        meter=find(Meter, wanted.meter_id) if wanted.meter_id else None,
        currency=shapes.currency(wanted.currency) if wanted.currency else None,
        applies_to=wanted.applies_to or "usage",
        priority=100 if wanted.priority is None else wanted.priority,
        expires_at=shapes.utc(wanted.expires_at) if wanted.expires_at else None,
        renews=bool(wanted.renews),
        subscription=find(Subscription, wanted.subscription_id) if wanted.subscription_id else None,
        renewal=renewal,
        rollover=wanted.rollover or "none",
        rollover_cap=_optional(wanted.kind, wanted.rollover_cap, field="rollover_cap"),
        low_balance_threshold=_optional(wanted.kind, wanted.low_balance_threshold, field="low_balance_threshold"),
        name=wanted.name or "",
        reason=wanted.reason or "",
        metadata=body.scalars(wanted.metadata or {}),
    )


def _optional(kind: str, sent: Quantity | None, *, field: str) -> Decimal | None:
    return None if sent is None else number(kind, sent, field=field)


def number(kind: str, sent: Quantity, *, field: str) -> Decimal:
    """Read units, a decimal string, or money, an integer. Raises Refused."""
    if kind == CreditKind.MONEY:
        if not isinstance(sent, int) or sent > 10**15:
            raise invalid(field, "of money must be a whole number of minor units, at most 10^15")
        return Decimal(sent)
    if not isinstance(sent, str):
        raise invalid(field, "of units must be a decimal string")
    return shapes.decimal(sent, field=field)


def _with_entries(grant: CreditGrant, now: datetime) -> CreditGrantWithEntries:
    credit = live_credit.of_customers([grant.customer_id], now=now).of_grant(grant.id)
    periods = [
        GrantPeriodAnswer(
            period_start=one.period.start,
            period_end=None if one.period.is_open else one.period.end,
            entered_balance=quantity(grant, one.entered),
            live_burn=quantity(grant, one.live_burn),
            balance=quantity(grant, one.left),
            settled_at=one.settled_at,
        )
        for one in credit.periods
    ]
    return CreditGrantWithEntries(**_shown(grant, credit, now), periods=periods, entries=list(_entries(grant)))


def _entries(grant: CreditGrant) -> Iterable[CreditEntryAnswer]:
    for told, line in credit_history.of_grant(grant):
        entry = told.entry
        yield CreditEntryAnswer(
            kind=entry.kind,
            amount=quantity(grant, entry.amount),
            period_start=entry.period.starts_at,
            period_end=entry.period.ends_at,
            invoice_id=entry.invoice_id or None,
            invoice_number=line.invoice_number or None,
            line_id=entry.line_id or None,
            line_description=line.description or None,
            reason=entry.reason or None,
            created_at=entry.created_at,
            created_by=f"{entry.actor_kind}:{entry.actor_id}",
        )


def _shown(grant: CreditGrant, credit: LiveCredit, now: datetime) -> dict[str, Any]:
    return {
        "id": grant.public_id,
        "customer_id": grant.customer.public_id,
        "kind": grant.kind,
        "name": grant.name or None,
        "amount": quantity(grant, grant.amount),
        "balance": quantity(grant, credit.left(grant.id, at=now)),
        "entered_balance": quantity(grant, credit.entered(grant.id, at=now)),
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
        "rollover": grant.rollover,
        "rollover_cap": None if grant.rollover_cap is None else quantity(grant, grant.rollover_cap),
        "low_balance_threshold": None if grant.low_balance_threshold is None else quantity(grant, grant.low_balance_threshold),
        "metadata": grant.metadata,
        "reason": grant.reason or None,
        "created_at": grant.created_at,
        "created_by": grant.created_by,
        "voided_at": grant.voided_at,
        "void_reason": grant.void_reason or None,
    }


def quantity(of: CreditGrant | ProductCredit, held: Decimal) -> Quantity:
    """Write units as a plain decimal, money as an integer of minor units."""
    return int(held) if of.kind == CreditKind.MONEY else plain(held)
