"""Serve credit entitlements as far as they are grants: what a customer may still use, by name and unit."""

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from credits.models import CreditGrant
from customers import find as customers
from invoices import live_credit


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


class CustomerCreditEntitlements(Resource):
    """/customers/{customer_id}/credit-entitlements"""

    @describes("List what credit a customer may draw on now", answer=EntitlementsAnswer, errors=[404])
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        customer = customers.find(customer_id)
        credit = live_credit.of_customers([customer.id], now=self.now)
        usable = {one.grant_id for one in credit.periods if one.is_usable_at(self.now)}
        rows = CreditGrant.objects.filter(id__in=usable).select_related("meter").order_by("priority", "id")
        found = [
            EntitlementAnswer(
                credit_entitlement_id=grant.public_id,
                name=str(grant),
                balance=plain(credit.left(grant.id, at=self.now)),
                overage="0",
                unit=grant.meter.measurement_unit if grant.meter else grant.currency or "",
            )
            for grant in rows
        ]
        return answer(EntitlementsAnswer(items=found))
