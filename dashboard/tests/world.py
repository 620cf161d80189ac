"""Make a small deployment for tests of pages: customers, meters, a product, subscriptions, grants, invoices, jobs, keys."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test import Client
from django.utils import timezone

from access import keys
from access.actors import COMMAND
from access.models import ApiKey, User
from credits.models import CreditEntry, CreditGrant, GrantPeriod
from customers.models import Customer
from events.ingest import RequestRefused, ingest
from events.models import DeliveryHour
from events.tests.sending import body, send
from events.tests.sending import event as event_sent
from invoices.models import Invoice
from invoices.series_models import InvoiceSeries
from jobs.models import Job
from meters.models import Meter, MeterActivity
from products import next_points
from products.models import MeterPrice, PriceVersion, Product, Subscription, SubscriptionMeter, SubscriptionPhase
from tests.factories import log

START = datetime(2026, 8, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def signed_in(role: str = "owner") -> Client:
    """Sign a person of one role in."""
    user = User.objects.create_user(f"one-{role}", password="correct horse battery")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def customer(name: str = "Papaya Maps") -> Customer:
    return Customer.objects.create(name=name, email="billing@papaya.example", created_at=START, updated_at=START)


def meter(name: str = "API calls") -> Meter:
    made = Meter.objects.create(
        name=name, event_name="api.call", aggregation="count", measurement_unit="calls", created_at=START, updated_at=START
    )
    MeterActivity.objects.create(meter=made, during=DateTimeTZRange(None, None))
    return made


def product(*meters: Meter, name: str = "Team", price: str = "0.1", free: int = 100) -> Product:
    made = Product.objects.create(
        name=name, tax_category="saas", price_kind="usage_based_price", created_at=START, updated_at=START
    )
    version = PriceVersion.objects.create(
        product=made, number=1, effective_at=START, currency="USD", fixed_price=4900, payment_frequency_interval="Month",
        payment_frequency_count=1, subscription_period_interval="Year", subscription_period_count=10, created_by="test",
    )  # fmt: skip
    for position, each in enumerate(meters):
        MeterPrice.objects.create(
            price_version=version,
            position=position,
            meter=each,
            price_per_unit=Decimal(price),
            free_threshold=free,
            display_per=1000,
        )
    return made


def subscription(of: Customer, to: Product, *meters: Meter) -> Subscription:
    made = Subscription.objects.create(
        customer=of, currency="USD", status="active", start_at=START, created_at=START, updated_at=START,
    )  # fmt: skip
    next_points.store(made, 4, datetime(2026, 12, 1, tzinfo=UTC))
    SubscriptionPhase.objects.create(
        subscription=made, first_cycle=1, starts_at=START, anchor_date=START.date(), interval_unit="Month", interval_count=1, product=to
    )  # fmt: skip
    for each in meters:
        SubscriptionMeter.objects.create(customer=of, meter=each, subscription=made, during=DateTimeTZRange(START, None))
    return made


def change_product(of: Subscription, to: Product, *, cycle: int) -> None:
    """Let a later cycle, of a calendar month, have another product."""
    starts_at = START.replace(month=START.month + cycle - 1)
    SubscriptionPhase.objects.create(
        subscription=of, first_cycle=cycle, starts_at=starts_at, anchor_date=starts_at.date(), interval_unit="Month",
        interval_count=1, product=to,
    )  # fmt: skip


def invoice(of: Subscription, *, number: int, total: int = 4900, currency: str = "USD") -> Invoice:
    series, _made = InvoiceSeries.objects.get_or_create(series="INV", year=2026)
    end = START + timedelta(days=31)
    return Invoice.objects.create(
        kind="regular", status="issued", customer=of.customer, subscription=of, point=number, point_at=end, currency=currency,
        period_start=START, period_end=end, created_at=end, series=series, series_number=number, number=f"INV-2026-{number:06}",
        issued_at=end, due_at=end + timedelta(days=14), seller_copy={"name": "Seller"}, customer_copy={"name": of.customer.name},
        subtotal=total, total=total,
    )  # fmt: skip


def grant(of: Customer, *, units_of: Meter | None = None, amount: str = "500") -> CreditGrant:
    terms = {"kind": "units", "meter": units_of} if units_of else {"kind": "money", "currency": "USD"}
    made = CreditGrant.objects.create(
        customer=of, amount=Decimal(amount), name="Welcome", effective_at=START, created_at=START, created_by="test", **terms
    )
    period = GrantPeriod.objects.create(grant=made, starts_at=START)
    CreditEntry.objects.create(
        period=period, kind="granted", amount=Decimal(amount), cause=f"grant:{made.pk}", actor_kind="system", actor_id="test",
        created_at=START,
    )  # fmt: skip
    return made


def deployment(*, size: int) -> None:
    """Make `size` of everything that lists show."""
    calls = meter()
    team = product(calls)
    for number in range(1, size + 1):
        one = customer(f"Customer {number}")
        carried = subscription(one, team, calls)
        invoice(carried, number=number)
        grant(one, units_of=calls)
        grant(one)
        meter(f"Meter {number}")
        product(calls, name=f"Product {number}")
        Job.objects.create(
            kind="replay", status="running", created_at=NOW, created_by="system:test", progress_done=4, progress_total=10
        )
        key, _secret = keys.create(name=f"Key {number}", scope="ingest", actor=COMMAND, now=START)
        DeliveryHour.objects.create(api_key=key, hour=NOW.replace(minute=0), accepted_count=7, latest_success_at=NOW)
        event(one, event_id=f"call/{number}")


def event(of: Customer, *, event_id: str, name: str = "api.call", at: datetime | None = None, **metadata: Any) -> None:
    """Write one event, a minute ago unless said otherwise."""
    log(of, at or timezone.now() - timedelta(minutes=1), metadata, name=name, event_id=event_id)


def refusal_and_conflict(of: Customer) -> None:
    """Have one request refused for one of its two events, and one event id come with two contents."""
    key = any_key()
    with suppress(RequestRefused):
        ingest(body=body(event_sent("good", of), event_sent("bad", "acme", metadata={"k": None})), key_id=key.pk, received_at=NOW)
    for number in (1, 2):
        send(key, event_sent("twice", of, metadata={"n": number, "text": "é"}))


def any_key() -> ApiKey:
    return keys.create(name="Gateway", scope="ingest", actor=COMMAND, now=START)[0]
