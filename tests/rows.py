"""Write a few rows of every table straight through the models, for tests that look at tables rather than at behaviour."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from axes.models import AccessAttempt
from django.contrib.auth.models import Group
from django.db import connection
from psycopg.types.range import TimestamptzRange

from access.models import ApiKey, User
from api.models import PageEnd
from core.models import BillingDay
from credits.models import CreditEntry, CreditGrant, GrantPeriod, LowBalance, ProductCredit, WalletEntry
from customers.models import Customer
from events.models import (
    DeliveryHour,
    DeliveryRefusal,
    Event,
    EventConflict,
    EventName,
    EventProperty,
    EventVoid,
    LogSnapshot,
    RefusedCompanions,
    RefusedRequest,
    RejectedEvent,
)
from events.validation import identity
from invoices.late_models import LateDecision, LateScan, LateUsage
from invoices.models import (
    Invoice,
    InvoiceCredit,
    InvoiceEvent,
    InvoiceLine,
    InvoiceTax,
)
from invoices.remark_models import RemarkChange
from invoices.series_models import InvoiceSeries
from invoices.verification_models import Verification
from jobs.models import Job, JobFile, JobFileChunk
from meters.models import Meter, MeterActivity, MeterBlock, MeterQuarter, RollPosition, UsageBlock, UsageDay
from products.models import (
    MeterPrice,
    NextPoint,
    OneTimeItem,
    PriceTier,
    PriceVersion,
    Product,
    Subscription,
    SubscriptionMeter,
    SubscriptionPause,
    SubscriptionPhase,
)
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=31)
_numbers = count(1)


def customer(**fields: Any) -> Customer:
    n = next(_numbers)
    return Customer.objects.create(
        **{"name": f"Customer {n}", "email": f"c{n}@example.com", "created_at": NOW, "updated_at": NOW} | fields
    )


def api_key(**fields: Any) -> ApiKey:
    n = next(_numbers)
    return ApiKey.objects.create(
        **{
            "name": f"Key {n}",
            "scope": "read",
            "secret_hash": n.to_bytes(32),
            "secret_hint": f"tb_{n}",
            "created_at": NOW,
            "created_by": "system:test",
        }
        | fields
    )


def meter(**fields: Any) -> Meter:
    n = next(_numbers)
    defaults = {
        "name": f"Meter {n}",
        "event_name": f"event.{n}",
        "aggregation": "count",
        "measurement_unit": "calls",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Meter.objects.create(**defaults | fields)


def event(of: Customer, name: EventName, **fields: Any) -> Event:
    """Write an event as ingest does: the database gives it its place in the log."""
    event_id = f"evt-{next(_numbers)}"
    columns = {
        "key": identity(event_id),
        "customer_id": of.id,
        "timestamp": NOW,
        "received_at": NOW,
        "event_name_id": name.id,
        "log_epoch": 1,
        "timestamp_given": True,
        "event_id": event_id,
        "metadata": "{}",
    } | fields
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO events_event ({names}) VALUES ({marks})", list(columns.values()))
    return Event.objects.get(key=columns["key"])


def price_version(**fields: Any) -> PriceVersion:
    n = next(_numbers)
    product = fields.pop("product", None) or Product.objects.create(
        name=f"Product {n}", tax_category="saas", price_kind="usage_based_price", created_at=NOW, updated_at=NOW
    )
    defaults = {
        "product": product,
        "number": 1,
        "effective_at": NOW,
        "currency": "USD",
        "fixed_price": 1000,
        "payment_frequency_interval": "Month",
        "payment_frequency_count": 1,
        "subscription_period_interval": "Year",
        "subscription_period_count": 1,
        "created_by": "system:test",
    }
    return PriceVersion.objects.create(**defaults | fields)


def subscription(of: Customer, **fields: Any) -> Subscription:
    defaults = {
        "customer": of,
        "currency": "USD",
        "status": "active",
        "start_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Subscription.objects.create(**defaults | fields)


def grant(of: Customer, **fields: Any) -> CreditGrant:
    defaults = {
        "customer": of,
        "kind": "money",
        "currency": "USD",
        "amount": 500,
        "effective_at": NOW,
        "created_at": NOW,
        "created_by": "system:test",
    }
    return CreditGrant.objects.create(**defaults | fields)


def period(of: CreditGrant, **fields: Any) -> GrantPeriod:
    return GrantPeriod.objects.create(**{"grant": of, "starts_at": NOW} | fields)


def entry(of: GrantPeriod, **fields: Any) -> CreditEntry:
    defaults = {
        "period": of,
        "kind": "granted",
        "amount": 500,
        "cause": f"cause:{next(_numbers)}",
        "actor_kind": "system",
        "actor_id": "test",
        "created_at": NOW,
    }
    return CreditEntry.objects.create(**defaults | fields)


def series() -> InvoiceSeries:
    return InvoiceSeries.objects.get_or_create(series="INV", year=2026)[0]


def draft(of: Subscription, **fields: Any) -> Invoice:
    defaults = {
        "kind": "regular",
        "customer": of.customer,
        "subscription": of,
        "point": next(_numbers),
        "point_at": NOW + MONTH,
        "currency": "USD",
        "period_start": NOW,
        "period_end": NOW + MONTH,
        "created_at": NOW + MONTH,
    }
    return Invoice.objects.create(**defaults | fields)


def issued(of: Subscription, **fields: Any) -> Invoice:
    n = next(_numbers)
    defaults = {
        "status": "issued",
        "series": series(),
        "series_number": n,
        "number": f"INV-2026-{n:06}",
        "issued_at": NOW + MONTH,
        "due_at": NOW + MONTH + timedelta(days=14),
        "seller_copy": {},
        "customer_copy": {},
        "subtotal": 1000,
        "total": 1000,
    }
    return draft(of, **defaults | fields)


def snapshot() -> LogSnapshot:
    return LogSnapshot.objects.create(log_epoch=1, snapshot="10:20:10,14", taken_at=NOW)


def line(of: Invoice, metered: Meter, **fields: Any) -> InvoiceLine:
    defaults = {
        "invoice": of,
        "position": next(_numbers),
        "kind": "usage",
        "description": "Calls",
        "meter": metered,
        "period_start": NOW,
        "period_end": NOW + MONTH,
        "quantity": Decimal(10),
        "event_count": 10,
        "chargeable_quantity": Decimal(10),
        "unit_price": Decimal(100),
        "unrounded_amount": Decimal(1000),
        "amount": 1000,
        "definition": {},
        "terms": {},
        "snapshot": snapshot(),
    }
    return InvoiceLine.objects.create(**defaults | fields)


def of_every_table() -> None:
    """Write one more row of every table, each with rows that hang on it."""
    n = next(_numbers)
    user = User.objects.create_user(f"user{n}")
    user.groups.add(Group.objects.get(name="viewer"))
    AccessAttempt.objects.create(
        username=f"u{n}", ip_address="192.0.2.1", user_agent=str(n), failures_since_start=1, get_data="", post_data=""
    )
    PageEnd.objects.create(id=uuid4(), end="[]", expires_at=NOW)
    day = BillingDay.objects.create(
        date=date(2030, 1, 1) + timedelta(days=n), starts_at=NOW + timedelta(days=n), ends_at=NOW + timedelta(days=n + 1)
    )
    _jobs_and_webhooks(n)
    payer, metered, key = customer(), meter(), api_key()
    _events(n, payer, key)
    _usage(payer, metered, day)
    sold = _products(payer, metered)
    held = _credits(payer, metered, sold)
    _invoices(sold, metered, held)


def _jobs_and_webhooks(n: int) -> None:
    job = Job.objects.create(kind="export", created_at=NOW, created_by="system:test")
    file = JobFile.objects.create(job=job, name="a.csv", content_type="text/csv")
    JobFileChunk.objects.create(file=file, number=0, body=b"a")
    endpoint = WebhookEndpoint.objects.create(url=f"https://example.com/{n}", secret="whsec_0", created_at=NOW, updated_at=NOW)
    message = WebhookMessage.objects.create(event_type="invoice.issued", cause=f"c{n}", payload={}, created_at=NOW)
    delivery = WebhookDelivery.objects.create(endpoint=endpoint, message=message, next_attempt_at=NOW)
    WebhookAttempt.objects.create(delivery=delivery, attempted_at=NOW, duration_ms=10)


def _events(n: int, payer: Customer, key: ApiKey) -> None:
    name = EventName.objects.create(name=f"event.{n}", first_received_at=NOW)
    EventProperty.objects.create(event_name=name, key="n", latest_at=NOW)
    one = event(payer, name)
    EventVoid.objects.create(
        event=one, ordinal=1, is_void=True, reason="twice", actor_kind="system", actor_id="test", created_at=NOW
    )
    EventConflict.objects.create(
        event=one, api_key=key, content_hash=b"0" * 16, content={}, first_seen_at=NOW, latest_seen_at=NOW
    )
    request = RefusedRequest.objects.create(
        api_key=key,
        fingerprint=b"0" * 16,
        body=b"{}",
        body_size=2,
        http_status=422,
        code="MISSING",
        message="No events.",
        first_received_at=NOW,
        latest_received_at=NOW,
    )
    RefusedCompanions.objects.create(request=request, keys=[one.key])
    RejectedEvent.objects.create(request=request, index=0, code="MISSING", message="No events.")
    DeliveryHour.objects.create(api_key=key, hour=NOW)
    DeliveryRefusal.objects.create(api_key=key, hour=NOW, code="MISSING")


def _usage(payer: Customer, metered: Meter, day: BillingDay) -> None:
    MeterActivity.objects.create(meter=metered, during=TimestamptzRange(None, None))
    rolled = {"event_count": 1, "log_epoch": 1, "log_xid": 1000, "log_arrival": 1}
    UsageDay.objects.create(meter=metered, customer=payer, day=day, **rolled)
    MeterQuarter.objects.create(meter=metered, starts_at=NOW, **rolled)
    days = {"first_day": day.date, "end_day": day.date + timedelta(days=5)}
    block = MeterBlock.objects.create(meter=metered, is_added_up=True, changed_at=NOW, **days)
    UsageBlock.objects.create(block=block, customer=payer, event_count=1, latest_at=NOW, latest_day=day.date)
    RollPosition.objects.create(meter=metered)


def _products(payer: Customer, metered: Meter) -> Subscription:
    version = price_version()
    priced = MeterPrice.objects.create(price_version=version, position=0, meter=metered, price_model="graduated")
    PriceTier.objects.create(meter_price=priced, position=0, unit_price=1)
    sold = subscription(payer)
    SubscriptionPhase.objects.create(
        subscription=sold,
        first_cycle=1,
        starts_at=NOW,
        anchor_date=NOW.date(),
        interval_unit="Month",
        interval_count=1,
        product=version.product,
    )
    SubscriptionPause.objects.create(subscription=sold, during=TimestamptzRange(NOW, None))
    SubscriptionMeter.objects.create(customer=payer, meter=metered, subscription=sold, during=TimestamptzRange(NOW, None))
    NextPoint.objects.create(subscription=sold, point=1, point_at=NOW + MONTH)
    OneTimeItem.objects.create(subscription=sold, price_version=version, quantity=1, amount=5)
    ProductCredit.objects.create(price_version=version, position=0, kind="units", meter=metered, amount=5)
    return sold


def _credits(payer: Customer, metered: Meter, sold: Subscription) -> GrantPeriod:
    given = grant(payer, subscription=sold)
    held = period(given)
    entry(held)
    WalletEntry.objects.create(
        customer=payer, currency="USD", is_credit=True, amount=1, before_balance=0, after_balance=1, created_at=NOW
    )
    LowBalance.objects.create(grant=given, crossed_at=NOW)
    return held


def _invoices(sold: Subscription, metered: Meter, held: GrantPeriod) -> None:
    draft(sold)
    invoice = issued(sold)
    usage = line(invoice, metered)
    InvoiceTax.objects.create(invoice=invoice, rate=Decimal("0.18"), taxable_amount=0, amount=0)
    InvoiceCredit.objects.create(invoice=invoice, line=usage, period=held, applies_to="usage", amount=1)
    InvoiceEvent.objects.create(
        invoice=invoice, from_status="draft", to_status="issued", actor_kind="system", actor_id="test", created_at=NOW
    )
    RemarkChange.objects.create(
        invoice=invoice, remark="memo", after="Thanks", actor_kind="system", actor_id="test", created_at=NOW
    )
    Verification.objects.create(invoice=invoice, verified_at=NOW, holds=True)
    late = LateUsage.objects.create(
        subscription=sold,
        customer=sold.customer,
        point=1,
        meter=metered,
        period_start=NOW,
        period_end=NOW + MONTH,
        found_at=NOW,
        log_epoch=1,
        log_xid=1000,
    )
    LateDecision.objects.create(
        late=late, verdict="waived", snapshot=snapshot(), actor_kind="system", actor_id="test", created_at=NOW
    )
    LateScan.objects.get_or_create(id=1)
