"""Define what changes of a subscription's product take and answer, in the contract's shapes."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from api.v1 import shapes
from api.v1.subscription_shapes import Quantity, SubscriptionAnswer

Mode = Literal[
    "prorated_immediately", "full_immediately", "difference_immediately", "do_not_bill", "prorated_immediately_keep_cycle"
]


class PlanChange(msgspec.Struct, kw_only=True):
    """Another product, or another quantity.

    prorated_immediately begins a new cycle now, prorated_immediately_keep_cycle goes on with the running one; with effective_at
    next_billing_date the mode changes nothing. cancel_scheduled_change_plan replaces a change that is ahead.
    """

    product_id: str
    proration_billing_mode: Mode
    quantity: Quantity
    effective_at: Literal["immediately", "next_billing_date"] | None = None
    cancel_scheduled_change_plan: bool | None = None
    on_payment_failure: Literal["prevent_change", "apply_change"] | None = None
    metadata: shapes.Metadata | None = None


class PlanChanged(msgspec.Struct, kw_only=True):
    """The answer to a change. payment_id: the invoice of this instant, null where the change waits for the next billing date."""

    payment_id: str | None
    client_secret: str | None = None
    payment_link: str | None = None
    expires_on: datetime | None = None


class SubscriptionItem(msgspec.Struct, kw_only=True, tag_field="type", tag="subscription"):
    """A fee, or what is left of one; proration_factor is below zero where it is given back, amount is what it comes to."""

    id: str
    product_id: str
    name: str
    description: str
    currency: str
    quantity: int
    unit_price: int
    proration_factor: Decimal
    amount: int
    tax_inclusive: bool
    tax_rate: Decimal
    tax: int | None = None


class MeterItem(msgspec.Struct, kw_only=True, tag_field="type", tag="meter"):
    """The usage of a meter in the cycle that the change ends."""

    id: str
    name: str
    currency: str
    units_consumed: str
    free_threshold: int
    chargeable_units: str
    price_per_unit: str
    subtotal: int
    tax_inclusive: bool
    tax_rate: Decimal
    description: str | None = None
    tax: int | None = None


class ChargeSummary(msgspec.Struct, kw_only=True):
    """What the invoice comes to. customer_credits: below zero what credit pays of it, above zero what is left as credit."""

    currency: str
    total_amount: int
    tax: int
    customer_credits: int
    customer_credits_currency: str
    settlement_amount: int
    settlement_currency: str
    settlement_tax: int


class ImmediateCharge(msgspec.Struct, kw_only=True):
    """The invoice that the change makes at once; without lines and over nothing where it waits for the next billing date."""

    effective_at: datetime
    line_items: list[SubscriptionItem | MeterItem]
    summary: ChargeSummary


class PlanPreview(msgspec.Struct, kw_only=True):
    """What a change would come to; nothing is written."""

    immediate_charge: ImmediateCharge
    new_plan: SubscriptionAnswer
