"""Serve subscriptions: create, list, retrieve, change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.body import UnsupportedAction, invalid
from api.v1.deployment import brand_id
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from api.v1.shown_subscriptions import created, shown
from api.v1.subscription_shapes import (
    CustomerChoice,
    SubscriptionAnswer,
    SubscriptionCreate,
    SubscriptionCreated,
    SubscriptionQuery,
    SubscriptionUpdate,
)
from customers import find as customers
from customers import register
from customers.models import Customer
from invoices import asked
from invoices.models import InvoiceKind
from products import amend, cancel, pause, rebill, subscribe
from products.cancel import Cancellation
from products.models import Product, Subscription, SubscriptionPhase, SubscriptionStatus
from products.statuses import of_status
from products.subscribe import BillingDetails, Extras, OneTimeInput

_PHASES = Prefetch("phases", SubscriptionPhase.objects.order_by("first_cycle").select_related("product"))
ROWS = Subscription.objects.select_related("customer").prefetch_related(_PHASES, "pauses")


class Subscriptions(Resource):
    """/subscriptions"""

    @describes("List subscriptions, newest first", query=SubscriptionQuery, answer=SubscriptionAnswer, listed=True)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, SubscriptionQuery)
        return answer(page(request, query, NewestFirst(self._filtered(query)), self._shown, now=self.now))

    @describes("Create a subscription", body=SubscriptionCreate, answer=SubscriptionCreated, errors=[400, 404])
    def post(self, request: Request) -> HttpResponse:
        wanted = body.decode(request, SubscriptionCreate)
        product = find(Product, wanted.product_id)
        start_at = _start(wanted, self.now)
        with transaction.atomic():  # the customer is made only if the subscription is
            customer = self._customer(wanted.customer)
            done = asked.carry_out(
                lambda: subscribe.create(
                    customer=customer,
                    product=product,
                    start_at=start_at,
                    bill_from=shapes.utc(wanted.bill_from) if wanted.bill_from else None,
                    extras=_extras(wanted),
                    actor=self.actor,
                    now=self.now,
                ),
                actor=self.actor,
                now=self.now,
            )
        subscription, drafts = done.subscription, done.drafts
        opening = next((draft for draft in drafts if draft.kind == InvoiceKind.OPENING), None)
        return answer(created(ROWS.get(id=subscription.id), wanted.one_time_product_cart or [], opening, now=self.now))

    def _shown(self, subscriptions: Sequence[Subscription]) -> list[SubscriptionAnswer]:
        return shown(subscriptions, now=self.now)

    def _filtered(self, query: SubscriptionQuery) -> QuerySet[Subscription]:
        rows = ROWS.all()
        if query.brand_id not in (None, brand_id()):
            return rows.none()
        if query.customer_id is not None:
            rows = rows.filter(customer=customers.find(query.customer_id))
        if query.product_id is not None:
            rows = rows.filter(phases__product__public_id=query.product_id).distinct()
        if query.status is not None:
            rows = of_status(rows, query.status, now=self.now)
        if query.cancel_at_next_billing_date is not None:
            rows = rows.filter(cancel_at_next_billing_date=query.cancel_at_next_billing_date)
        if query.created_at_gte is not None:
            rows = rows.filter(created_at__gte=shapes.utc(query.created_at_gte))
        return rows if query.created_at_lte is None else rows.filter(created_at__lte=shapes.utc(query.created_at_lte))

    def _customer(self, choice: CustomerChoice) -> Customer:
        if choice.customer_id is not None:
            return customers.find(choice.customer_id)
        if choice.email is None:
            raise invalid("customer", "must have a customer_id or an email")
        email = shapes.email(choice.email, field="customer.email")
        fields = {"email": email, "name": choice.name or email, "phone_number": choice.phone_number or ""}
        return customers.oldest_active_with_email(email) or register.create(fields=fields, actor=self.actor, now=self.now)


class SubscriptionById(Resource):
    """/subscriptions/{subscription_id}"""

    @describes("Retrieve a subscription", query=shapes.LocaleQuery, answer=SubscriptionAnswer, errors=[404])
    def get(self, request: Request, subscription_id: str) -> HttpResponse:
        body.decode_query(request.GET, shapes.LocaleQuery)
        return answer(shown([find(ROWS, subscription_id)], now=self.now)[0])

    @describes("Change or cancel a subscription", body=SubscriptionUpdate, answer=SubscriptionAnswer, errors=[400, 404])
    def patch(self, request: Request, subscription_id: str) -> HttpResponse:
        subscription = find(ROWS, subscription_id)
        wanted = body.decode(request, SubscriptionUpdate)
        _check_status(subscription, wanted, now=self.now)
        asked.carry_out(lambda: self._apply(subscription, wanted), actor=self.actor, now=self.now)
        return answer(shown([find(ROWS, subscription_id)], now=self.now)[0])

    @transaction.atomic  # all that one request asks for, or nothing
    def _apply(self, subscription: Subscription, wanted: SubscriptionUpdate) -> Subscription:
        changes = _changes(wanted)
        common: dict[str, Any] = {"subscription": subscription, "actor": self.actor, "now": self.now}
        if changes:
            amend.amend(subscription=subscription, changes=changes, now=self.now)
        if wanted.next_billing_date is not None:
            rebill.move_next_billing_date(next_billing_date=shapes.utc(wanted.next_billing_date), **common)
        why = Cancellation(
            reason=wanted.cancel_reason or "",
            comment=wanted.cancellation_comment or "",
            feedback=wanted.cancellation_feedback or "",
        )
        status = subscribe.status_at(subscription, self.now)
        if wanted.status == "cancelled":
            cancel.cancel_now(why=why, prorate=bool(wanted.prorate), **common)
        elif wanted.status == "paused" != status:
            pause.pause(**common)
        elif wanted.status == "active" != status:
            pause.resume(**common)
        elif wanted.cancel_at_next_billing_date:
            cancel.cancel_at_next_billing_date(why=why, **common)
        elif wanted.cancel_at_next_billing_date is False and subscription.cancel_at_next_billing_date:
            cancel.keep(**common)
        return subscription


def _start(wanted: SubscriptionCreate, now: datetime) -> datetime:
    """Read the start; every cycle since then is billed, so a slip of the pen must not make a hundred thousand of them."""
    start_at = shapes.utc(wanted.start_at) if wanted.start_at else now
    if abs(start_at - now) > subscribe.FARTHEST:
        raise invalid("start_at", "must lie within thirty years of now")
    return start_at


def _check_status(subscription: Subscription, wanted: SubscriptionUpdate, *, now: datetime) -> None:
    """Let through the statuses that are served, and the one that the subscription has already."""
    if wanted.status not in (None, "cancelled", "paused", "active", subscribe.status_at(subscription, now)):
        raise UnsupportedAction("status")
    others = [name for name in wanted.__struct_fields__ if name != "status" and getattr(wanted, name) is not None]
    turns = (SubscriptionStatus.PAUSED if wanted.status == "active" else SubscriptionStatus.ACTIVE) == subscription.status
    if wanted.status in ("paused", "active") and turns and others:
        raise invalid("status", f"stands alone when it pauses or resumes; send `{others[0]}` in a request of its own")
    if wanted.prorate and wanted.status != "cancelled":
        raise invalid("prorate", "goes with status cancelled only")


def _changes(wanted: SubscriptionUpdate) -> dict[str, Any]:
    changes = shapes.given(wanted, "tax_id")
    if wanted.customer_business_name is not None:
        changes["business_name"] = wanted.customer_business_name
    if wanted.metadata is not None:
        changes["metadata"] = body.scalars(wanted.metadata)
    return changes | (shapes.address_fields(wanted.billing) if wanted.billing else {})


def _extras(wanted: SubscriptionCreate) -> Extras:
    details = BillingDetails(
        **shapes.address_fields(wanted.billing), business_name=wanted.customer_business_name or "", tax_id=wanted.tax_id or ""
    )
    return Extras(
        quantity=wanted.quantity,
        trial_period_days=wanted.trial_period_days,
        currency=shapes.currency(wanted.billing_currency, field="billing_currency") if wanted.billing_currency else None,
        billing=details,
        metadata=body.scalars(wanted.metadata or {}),
        one_time=[
            OneTimeInput(product=find(Product, one.product_id), quantity=one.quantity, amount=one.amount)
            for one in wanted.one_time_product_cart or ()
        ],
    )
