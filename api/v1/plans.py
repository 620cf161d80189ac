"""Serve changes of a subscription's product: make one, preview one, take one back that is ahead."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from access.actors import Actor
from api.v1 import body
from api.v1.body import UnsupportedAction
from api.v1.lookup import find
from api.v1.plan_shapes import ChargeSummary, ImmediateCharge, MeterItem, PlanChange, PlanChanged, PlanPreview, SubscriptionItem
from api.v1.resource import Resource, answer, nothing
from api.v1.schema import describes
from api.v1.shown_subscriptions import shown
from api.v1.subscriptions import ROWS
from core.money import approximate, plain, ratio
from invoices import asked
from invoices.asked import Imagined
from invoices.assemble import Line
from invoices.preview import Preview
from meters.models import Meter
from products import amend, change
from products.change import When
from products.models import Product, Subscription

_MODES = {"prorated_immediately": When.NEW_CYCLE, "prorated_immediately_keep_cycle": When.SAME_CYCLE}


class PlanChanges(Resource):
    """/subscriptions/{subscription_id}/change-plan"""

    @describes("Change a subscription's product or quantity", body=PlanChange, answer=PlanChanged, errors=[400, 404, 409])
    def post(self, request: Request, subscription_id: str) -> HttpResponse:
        ask = _asked(find(ROWS, subscription_id), body.decode(request, PlanChange), actor=self.actor, now=self.now)
        done = asked.carry_out(ask, actor=self.actor, now=self.now)
        made = next((draft.public_id for draft in done.drafts), None)
        return answer(PlanChanged(payment_id=made))


class PlanPreviews(Resource):
    """/subscriptions/{subscription_id}/change-plan/preview"""

    scopes = {"POST": "read"}

    @describes("Preview a change of a subscription's product", body=PlanChange, answer=PlanPreview, errors=[400, 404, 409])
    def post(self, request: Request, subscription_id: str) -> HttpResponse:
        ask = _asked(find(ROWS, subscription_id), body.decode(request, PlanChange), actor=self.actor, now=self.now)
        return answer(asked.imagine(ask, actor=self.actor, now=self.now, read=lambda seen: _preview(seen, now=self.now)))


class ScheduledChange(Resource):
    """/subscriptions/{subscription_id}/change-plan/scheduled"""

    @describes("Take back a change for the next billing date", errors=[404])
    def delete(self, request: Request, subscription_id: str) -> HttpResponse:
        change.take_back(subscription=find(ROWS, subscription_id), actor=self.actor, now=self.now)
        return nothing(200)


def _asked(subscription: Subscription, wanted: PlanChange, *, actor: Actor, now: datetime) -> Callable[[], Subscription]:
    """Give what a request asks for as one call."""
    if wanted.on_payment_failure == "prevent_change":
        raise UnsupportedAction("on_payment_failure")
    when = When.NEXT_CYCLE if wanted.effective_at == "next_billing_date" else _MODES.get(wanted.proration_billing_mode)
    if when is None:
        raise UnsupportedAction("proration_billing_mode")
    product = find(Product, wanted.product_id)
    metadata = None if wanted.metadata is None else body.scalars(wanted.metadata)

    @transaction.atomic
    def ask() -> Subscription:
        if metadata is not None:
            amend.amend(subscription=subscription, changes={"metadata": metadata}, now=now)
        return change.change_product(
            subscription=subscription,
            product=product,
            when=when,
            quantity=wanted.quantity,
            replace_scheduled=bool(wanted.cancel_scheduled_change_plan),
            actor=actor,
            now=now,
        )

    return ask


def _preview(seen: Imagined, *, now: datetime) -> PlanPreview:
    (plan,) = shown([ROWS.get(id=seen.subscription.id)], now=now)
    charge = seen.at_once
    if charge is None:
        return PlanPreview(immediate_charge=_nothing_now(seen, now), new_plan=plan)
    return PlanPreview(
        immediate_charge=ImmediateCharge(
            effective_at=charge.point.plan.at, line_items=list(_items(charge)), summary=_summary(charge)
        ),
        new_plan=plan,
    )


def _nothing_now(seen: Imagined, now: datetime) -> ImmediateCharge:
    at = seen.next.point.plan.at if seen.next else now
    currency = seen.subscription.currency
    zeros = dict.fromkeys(("total_amount", "tax", "customer_credits", "settlement_amount", "settlement_tax"), 0)
    currencies = dict.fromkeys(("currency", "customer_credits_currency", "settlement_currency"), currency)
    return ImmediateCharge(effective_at=at, line_items=[], summary=ChargeSummary(**zeros, **currencies))  # type: ignore[arg-type]


def _summary(charge: Preview) -> ChargeSummary:
    made = charge.made
    paid_by_credit = sum(credit.amount for credit in made.credits)
    return ChargeSummary(
        currency=made.currency,
        total_amount=made.amount_due,
        tax=made.tax,
        customer_credits=made.carried_forward or -paid_by_credit,
        customer_credits_currency=made.currency,
        settlement_amount=made.amount_due,
        settlement_currency=made.currency,
        settlement_tax=made.tax,
    )


def _items(charge: Preview) -> Iterator[SubscriptionItem | MeterItem]:
    meters = Meter.objects.in_bulk([line.meter for line in charge.made.lines if line.meter is not None])
    fees = iter(charge.point.plan.fees)
    for line in charge.made.lines:
        if line.waterfall is not None and line.meter is not None:
            yield _of_meter(line, meters[line.meter])
        elif line.kind == "fixed_fee":
            fee = next(fees)
            yield SubscriptionItem(
                id=charge.point.plan.subscriber.public_id,
                product_id=fee.product_id,
                name=line.description,
                description=line.description,
                currency=charge.made.currency,
                quantity=fee.quantity,
                unit_price=fee.amount // fee.quantity,
                proration_factor=approximate(fee.proration, places=9),
                amount=line.amount,
                tax_inclusive=line.tax_inclusive,
                tax_rate=line.tax_rate,
            )


def _of_meter(line: Line, meter: Meter) -> MeterItem:
    fall, terms = line.waterfall, line.terms
    if fall is None or terms is None:
        raise AssertionError("a usage line has its waterfall and terms")
    units = fall.chargeable_quantity
    tiered = approximate(ratio(line.amount, units), places=12) if units else Decimal(0)
    return MeterItem(
        id=meter.public_id,
        name=meter.name,
        currency=terms.currency,
        units_consumed=plain(fall.quantity or Decimal(0)),
        free_threshold=int(terms.free_threshold),
        chargeable_units=plain(units),
        price_per_unit=plain(tiered if terms.unit_price is None else terms.unit_price),
        subtotal=line.amount,
        tax_inclusive=line.tax_inclusive,
        tax_rate=line.tax_rate,
    )
