"""Serve credit entitlements as what they are here: grants. All of them by their terms, and what one customer may still use."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.deployment import business_id
from api.v1.lookup import find
from api.v1.pagination import LatestWritten, PageQuery, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from credits.models import CreditGrant, CreditKind, Rollover
from customers import find as customers
from invoices import live_credit

GRANTS = CreditGrant.objects.select_related("customer", "meter")
_UNIT_DECIMALS = CreditGrant._meta.get_field("amount").decimal_places


class EntitlementQuery(PageQuery, kw_only=True):
    """The filter of entitlements. deleted: true lists the voided grants, false and nothing those that are not."""

    deleted: bool | None = None


class CreditEntitlementAnswer(msgspec.Struct, kw_only=True):
    """A credit grant in the contract's words; customer_id (whose it is) and rollover_cap are ours.

    unit: the meter's, or the currency, whose minor units are counted.  precision: decimals of its amounts.
    What it does not cover is charged by the product's price, on the invoice, without a limit: so overage has no price of its own here.
    expires_after_days: the whole days that a grant lasts; null where it has no end, or renews and so ends with each cycle.
    rollover_percentage: 100 where all that is left rolls over; null where nothing does, or no more than rollover_cap.
    """

    id: str
    business_id: str
    customer_id: str
    name: str
    unit: str
    precision: int
    currency: str | None
    description: str | None = None
    overage_enabled: bool = True
    overage_behavior: Literal["invoice_at_billing"] = "invoice_at_billing"
    overage_limit: int | None = None
    price_per_unit: str | None = None
    expires_after_days: int | None
    rollover_enabled: bool
    rollover_percentage: int | None
    rollover_cap: str | None
    max_rollover_count: int | None = None
    rollover_timeframe_count: int | None = None
    rollover_timeframe_interval: str | None = None
    created_at: datetime
    updated_at: datetime


class EntitlementAnswer(msgspec.Struct, kw_only=True):
    """A grant in the contract's words: its live balance in units of a meter, or minor units of the currency that `unit` names.

    overage is always "0": what credit does not cover is charged by the price.
    """

    credit_entitlement_id: str
    name: str
    balance: str
    overage: str
    unit: str
    description: str | None = None


class EntitlementsAnswer(msgspec.Struct, kw_only=True):
    """All grants of a customer that may be drawn on now, in the order in which they are used up."""

    items: list[EntitlementAnswer]


class CreditEntitlements(Resource):
    """/credit-entitlements"""

    @describes(
        "List credit entitlements, which are all customers' credit grants, newest first",
        query=EntitlementQuery,
        answer=CreditEntitlementAnswer,
        listed=True,
    )
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, EntitlementQuery)
        rows = GRANTS.filter(voided_at__isnull=not query.deleted)
        business = business_id()

        def shown(grants: Sequence[CreditGrant]) -> list[CreditEntitlementAnswer]:
            return [_entitlement(grant, business, self.now) for grant in grants]

        return answer(page(request, query, LatestWritten(rows), shown, now=self.now))


class CreditEntitlementById(Resource):
    """/credit-entitlements/{id}"""

    @describes("Retrieve a credit entitlement", query=shapes.LocaleQuery, answer=CreditEntitlementAnswer, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        body.decode_query(request.GET, shapes.LocaleQuery)
        return answer(_entitlement(find(GRANTS, id), business_id(), self.now))


class CustomerCreditEntitlements(Resource):
    """/customers/{customer_id}/credit-entitlements"""

    @describes("List what credit a customer may draw on now", answer=EntitlementsAnswer, errors=[404])
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        found = [
            EntitlementAnswer(
                credit_entitlement_id=grant.public_id,
                name=str(grant),
                balance=plain(left),
                overage="0",
                unit=unit_of(grant),
            )
            for grant, left in usable_now(customer.id, now=self.now)
        ]
        return answer(EntitlementsAnswer(items=found))


def usable_now(customer_id: int, *, now: datetime) -> list[tuple[CreditGrant, Decimal]]:
    """Give the grants that a customer may draw on now, in the order in which they are used up, each with its live balance."""
    credit = live_credit.of_customers([customer_id], now=now)
    usable = {one.grant_id: one.period for one in credit.periods if one.is_usable_at(now)}
    rows = CreditGrant.objects.filter(id__in=usable).select_related("meter")
    in_order = sorted(rows, key=lambda grant: (grant.priority, usable[grant.id].end, usable[grant.id].start, grant.id))
    return [(grant, credit.left(grant.id, at=now)) for grant in in_order]


def unit_of(grant: CreditGrant) -> str:
    """Name what a grant's amounts count: the meter's unit, or the currency, whose minor units they are."""
    return grant.meter.measurement_unit if grant.meter else grant.currency or ""


def _entitlement(grant: CreditGrant, business: str, now: datetime) -> CreditEntitlementAnswer:
    lasting = grant.expires_at - grant.effective_at if grant.expires_at and not grant.renews else None
    return CreditEntitlementAnswer(
        id=grant.public_id,
        business_id=business,
        customer_id=grant.customer.public_id,
        name=str(grant),
        unit=unit_of(grant),
        precision=0 if grant.kind == CreditKind.MONEY else _UNIT_DECIMALS,
        currency=grant.currency,
        expires_after_days=lasting.days if lasting else None,
        rollover_enabled=grant.rollover != Rollover.NONE,
        rollover_percentage=100 if grant.rollover == Rollover.ALL else None,
        rollover_cap=None if grant.rollover_cap is None else plain(grant.rollover_cap),
        created_at=grant.created_at,
        updated_at=min(grant.voided_at, now) if grant.voided_at else grant.created_at,
    )
