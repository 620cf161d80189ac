"""Define what subscriptions take and answer, in the contract's shapes."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from api.v1 import shapes
from api.v1.pagination import PageQuery

Quantity = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Status = Literal["pending", "active", "on_hold", "paused", "cancelled", "failed", "expired", "past_due"]
TaxId = Annotated[str, msgspec.Meta(max_length=60)]
Feedback = Literal[
    "too_expensive", "missing_features", "switched_service", "unused", "customer_service", "low_quality", "too_complex", "other"
]
CancelReason = Literal[
    "cancelled_by_customer",
    "cancelled_by_merchant",
    "cancelled_by_merchant_send_dunning",
    "cancelled_by_merchant_grace_period_expired",
    "dodo_team",
]


class BillingAddress(shapes.Address, kw_only=True):
    """Where the invoices go."""

    country: shapes.Country


class CustomerChoice(msgspec.Struct, kw_only=True):
    """An existing customer by customer_id (or external_id), or by e-mail: the oldest active one with it, else a new one."""

    customer_id: str | None = None
    email: str | None = None
    name: shapes.ShortText | None = None
    phone_number: Annotated[str, msgspec.Meta(max_length=50)] | None = None


class OneTimeProduct(msgspec.Struct, kw_only=True):
    """A one-time product bought along; amount in minor units for all of them, null for its price."""

    product_id: str
    quantity: Quantity
    amount: shapes.Amount | None = None


class SubscriptionCreate(msgspec.Struct, kw_only=True):
    """A new subscription. start_at and bill_from are ours: billing points before bill_from count as billed elsewhere."""

    billing: BillingAddress
    customer: CustomerChoice
    product_id: str
    quantity: Quantity
    billing_currency: str | None = None
    customer_business_name: shapes.ShortText | None = None
    metadata: shapes.Metadata | None = None
    one_time_product_cart: Annotated[list[OneTimeProduct], msgspec.Meta(max_length=100)] | None = None
    tax_id: TaxId | None = None
    trial_period_days: shapes.TrialDays | None = None
    start_at: datetime | None = None
    bill_from: datetime | None = None


class SubscriptionUpdate(msgspec.Struct, kw_only=True):
    """What changes; null leaves a field as it is.

    status takes cancelled (now; `prorate`, ours, gives the rest of the fee back), paused, and active, which resumes; the latter two
    stand alone in their request.
    """

    billing: BillingAddress | None = None
    cancel_at_next_billing_date: bool | None = None
    cancel_reason: CancelReason | None = None
    cancellation_comment: Annotated[str, msgspec.Meta(max_length=3000)] | None = None
    cancellation_feedback: Feedback | None = None
    customer_business_name: shapes.ShortText | None = None
    metadata: shapes.Metadata | None = None
    next_billing_date: datetime | None = None
    prorate: bool | None = None
    status: Status | None = None
    tax_id: TaxId | None = None


class CustomerBrief(msgspec.Struct, kw_only=True):
    """A customer as a subscription shows it."""

    customer_id: str
    email: str
    name: str
    phone_number: str | None
    metadata: shapes.Metadata


class MeterInCart(msgspec.Struct, kw_only=True):
    """A meter that a subscription carries; price_per_unit is null where the price has tiers."""

    meter_id: str
    name: str
    description: str | None
    measurement_unit: str
    currency: str
    free_threshold: int
    price_per_unit: str | None


class OneTimeBought(msgspec.Struct, kw_only=True):
    """A one-time product that was bought along."""

    product_id: str
    quantity: int


class SubscriptionCreated(msgspec.Struct, kw_only=True):
    """The answer to a new subscription; payment_id is '' until its opening invoice exists."""

    subscription_id: str
    customer: CustomerBrief
    metadata: shapes.Metadata
    recurring_pre_tax_amount: int
    one_time_product_cart: list[OneTimeBought]
    payment_id: str = ""
    payment_method_required: bool = False
    addons: list[str] = []


class ScheduledPlanChange(msgspec.Struct, kw_only=True):
    """A change of product or quantity that waits for the next billing date."""

    id: str
    product_id: str
    product_name: str
    product_description: str | None
    quantity: int
    created_at: datetime
    effective_at: datetime
    addons: list[str] = []


class SubscriptionAnswer(msgspec.Struct, kw_only=True):
    """A subscription as the API shows it."""

    subscription_id: str
    product_id: str
    product_name: str
    customer: CustomerBrief
    status: str
    currency: str
    quantity: int
    recurring_pre_tax_amount: int
    payment_frequency_count: int
    payment_frequency_interval: str
    subscription_period_count: int
    subscription_period_interval: str
    trial_period_days: int
    tax_inclusive: bool
    meters: list[MeterInCart]
    billing: BillingAddress
    metadata: shapes.Metadata
    created_at: datetime
    start_at: datetime
    bill_from: datetime | None
    previous_billing_date: datetime
    next_billing_date: datetime
    expires_at: datetime | None
    cancel_at_next_billing_date: bool
    cancelled_at: datetime | None
    paused_at: datetime | None
    scheduled_change: ScheduledPlanChange | None
    cancellation_comment: str | None
    cancellation_feedback: str | None
    customer_business_name: str | None
    tax_id: str | None
    brand_id: str
    addons: list[str] = []
    credit_entitlement_cart: list[str] = []
    meter_credit_entitlement_cart: list[str] = []
    discounts: list[str] = []
    has_payment_method: bool = False
    on_demand: bool = False


class SubscriptionQuery(PageQuery, kw_only=True):
    """The filters of GET /subscriptions."""

    brand_id: str | None = None
    cancel_at_next_billing_date: bool | None = None
    created_at_gte: datetime | None = None
    created_at_lte: datetime | None = None
    customer_id: str | None = None
    product_id: str | None = None
    status: Status | None = None


class UsageHistoryQuery(msgspec.Struct, kw_only=True):
    """The filters of a usage history: cycles that overlap [start_date, end_date), of one meter."""

    page_number: Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None = None
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    start_date: datetime | None = None
    end_date: datetime | None = None
    meter_id: str | None = None


class MeterUsed(msgspec.Struct, kw_only=True):
    """One meter's part of a cycle; price_per_unit of a tiered price is the amount over the chargeable units."""

    id: str
    name: str
    currency: str
    consumed_units: str
    free_threshold: int
    chargeable_units: str
    price_per_unit: str
    total_price: int


class CycleUsed(msgspec.Struct, kw_only=True):
    """One cycle of a usage history, as its invoice has it, or as it stands until that is issued.

    What came late is on adjustment lines of later invoices, over this cycle's period.
    """

    start_date: datetime
    end_date: datetime
    meters: list[MeterUsed]
