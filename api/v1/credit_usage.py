"""Serve what credit a subscription's invoices can draw on now, in the contract's words."""

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1.entitlements import unit_of, usable_now
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from core.periods import FOREVER
from credits.models import CreditGrant
from products.models import Subscription
from products.subscribe import schedule_of

_SUBSCRIPTIONS = Subscription.objects.prefetch_related("phases", "meters")


class CreditUsageItem(msgspec.Struct, kw_only=True):
    """What is left of one credit grant, live, for all subscriptions of the customer together.

    What it does not cover is charged by the price, without a limit; no debt is kept with the credit.
    """

    credit_entitlement_id: str
    credit_entitlement_name: str
    unit: str
    balance: str
    overage: str = "0"
    overage_enabled: bool = True
    overage_limit: str | None = None
    limit_reached: bool = False
    remaining_headroom: str | None = None


class CreditUsageAnswer(msgspec.Struct, kw_only=True):
    """The credit that a subscription can draw on now, in the order in which it is used up: none before its first cycle."""

    subscription_id: str
    items: list[CreditUsageItem]


class SubscriptionCreditUsage(Resource):
    """/subscriptions/{subscription_id}/credit-usage"""

    @describes("List what credit a subscription can draw on now", answer=CreditUsageAnswer, errors=[404])
    def get(self, request: Request, subscription_id: str) -> HttpResponse:
        subscription = find(_SUBSCRIPTIONS, subscription_id)
        schedule = schedule_of(subscription)
        items: list[CreditUsageItem] = []
        if schedule.starts_at <= self.now < (schedule.ends_at or FOREVER):
            meters = {one.meter_id for one in subscription.meters.all() if self.now in one.during}
            items = [
                CreditUsageItem(
                    credit_entitlement_id=grant.public_id,
                    credit_entitlement_name=str(grant),
                    unit=unit_of(grant),
                    balance=plain(left),
                )
                for grant, left in usable_now(subscription.customer_id, now=self.now)
                if _pays_for(grant, subscription, meters)
            ]
        return answer(CreditUsageAnswer(subscription_id=subscription.public_id, items=items))


def _pays_for(grant: CreditGrant, subscription: Subscription, meters: set[int]) -> bool:
    """Say whether the subscription's invoices can draw on a grant: units of a meter that it carries, or money in its currency."""
    return grant.currency == subscription.currency if grant.meter_id is None else grant.meter_id in meters
