"""The steps of the billing benchmark that need Django: each runs in a process of its own and prints one line of JSON.

`python -m benchmarks.billing_steps fill COUNT START`, `run`, `saves COUNT`; benchmarks.billing starts them.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import django

django.setup()

from django.db import connection, models, transaction  # noqa: E402

from access.actors import COMMAND  # noqa: E402
from core import database  # noqa: E402
from core.copying import copy  # noqa: E402
from core.ids import public_id  # noqa: E402
from core.periods import Interval  # noqa: E402
from core.sql import load  # noqa: E402
from credits.models import CreditEntry, CreditGrant, GrantPeriod  # noqa: E402
from customers.models import Customer  # noqa: E402
from events import names  # noqa: E402
from invoices.models import Invoice, InvoiceCredit, InvoiceEvent, InvoiceLine, InvoiceTax  # noqa: E402
from invoices.run import run_billing  # noqa: E402
from meters import define, rollup  # noqa: E402
from meters.models import Meter  # noqa: E402
from products import catalogue  # noqa: E402
from products.catalogue import MeterPriceInput, PriceInput  # noqa: E402
from products.models import NextPoint, Product, Subscription, SubscriptionMeter, SubscriptionPhase  # noqa: E402
from products.pricing import Tier  # noqa: E402

AT_ONCE = 5_000
SUBSCRIBED = datetime(2026, 3, 1, tzinfo=UTC)
CYCLE = 7
CYCLE_START = datetime(2026, 9, 1, tzinfo=UTC)
CYCLE_END = datetime(2026, 10, 1, tzinfo=UTC)
# The grace of an hour is over, so that one run drafts and issues.
NOW = CYCLE_END + timedelta(hours=2)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
METERS = (("requests", "count", None), ("tokens", "sum", "tokens"), ("seats", "max", "seats"))


def products() -> tuple[Product, Product]:
    """Make the meters and two products with all three of them, one with a fee; at the first call."""
    if found := tuple(Product.objects.order_by("id")):
        return found  # type: ignore[return-value]
    names.numbers([name for name, _, _ in METERS], connection=database.of_django(), now=LONG_AGO)
    made = [
        define.create(
            name=name.title(),
            event_name=name,
            aggregation=aggregation,
            over_property=over,
            measurement_unit=name,
            filter=None,
            now=LONG_AGO,
        )
        for name, aggregation, over in METERS
    ]
    requests, tokens, seats = [meter.public_id for meter in made]
    prices = (
        MeterPriceInput(requests, Decimal("2.5"), free_threshold=1),
        MeterPriceInput(
            tokens,
            price_model="graduated",
            tiers=(
                Tier(Decimal(1000), Decimal("0.04")),
                Tier(Decimal(5000), Decimal("0.025"), 50),
                Tier(None, Decimal("0.0125")),
            ),
        ),
        MeterPriceInput(seats, Decimal(1500)),
    )

    def product(name: str, fee: int) -> Product:
        price = PriceInput("usage_based_price", "USD", fee, Interval("Month", 1), Interval("Year", 10), meters=prices)
        return catalogue.create_product(name=name, tax_category="saas", price=price, actor=COMMAND, now=LONG_AGO)

    return product("Team", 4900), product("Pay as you go", 0)


def fill(count: int, start: int) -> dict[str, Any]:
    """Add customers, each with a subscription to three meters, credits, and events of one cycle; roll the events up."""
    sold = products()
    meters = list(Meter.objects.order_by("id"))
    began = time.perf_counter()
    for first in range(start, start + count, AT_ONCE):
        with transaction.atomic(), connection.cursor() as cursor:
            # Neither foreign keys nor history matter to what is measured, and both would take longer than it.
            cursor.execute("SET LOCAL session_replication_role = replica")
            customers = _customers(range(first, min(first + AT_ONCE, start + count)), sold, meters)
            ids = database.array(customer.pk for customer in customers)
            cursor.execute(load(__file__, "fill_billing"), {"customers": ids, "cycle_start": CYCLE_START})
    events = rollup.roll_all(now=CYCLE_END).event_count
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return {"events": events, "seconds": time.perf_counter() - began}


def count() -> dict[str, Any]:
    """Say how many subscriptions there are."""
    return {"subscriptions": Subscription.objects.count()}


def _customers(numbers: Iterable[int], sold: Sequence[Product], meters: Sequence[Meter]) -> Sequence[Customer]:
    """Write customers; of four, one has unit credits that renew with the cycle, one unit credits once, one money, one a wallet."""
    stamps: dict[str, Any] = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
    customers, subscriptions, coming, phases, carried, grants, periods, entries = ([] for _ in range(8))
    for n in numbers:
        address = {"street": f"{n} High Street", "city": "Berlin", "zipcode": "10115", "country": "DE"}
        customer = Customer(name=f"Customer {n}", email=f"c{n}@example.com", tax_rate=Decimal("0.19"), **address, **stamps)
        # Each began at another instant of the same day, so that all cycles but the first are the same.
        begun = SUBSCRIBED + timedelta(seconds=n % 80_000)
        subscription = Subscription(customer=customer, currency="USD", status="active", start_at=begun, **stamps)
        phase = {"starts_at": begun, "anchor_date": begun.date(), "interval_unit": "Month", "interval_count": 1}
        kind: dict[str, Any] = {"kind": "units", "meter": meters[1]} if n % 4 < 2 else {"kind": "money", "currency": "USD"}
        grant = CreditGrant(
            customer=customer,
            subscription=subscription if n % 4 == 0 else None,
            renews=n % 4 == 0,
            amount=Decimal(700 if n % 4 < 2 else 2500),
            applies_to="invoice" if n % 4 == 3 else "usage",
            effective_at=CYCLE_START,
            created_at=LONG_AGO,
            **kind,
        )
        period = GrantPeriod(grant=grant, starts_at=CYCLE_START, ends_at=CYCLE_END if grant.renews else None)
        customers.append(customer)
        subscriptions.append(subscription)
        coming.append(NextPoint(subscription=subscription, point=CYCLE, point_at=CYCLE_END))
        phases.append(SubscriptionPhase(subscription=subscription, first_cycle=1, product=sold[n % 2], **phase))
        carried += [
            SubscriptionMeter(customer=customer, subscription=subscription, meter=meter, during=(begun, None)) for meter in meters
        ]
        grants.append(grant)
        periods.append(period)
        entries.append(
            CreditEntry(
                period=period, kind="granted", amount=grant.amount, cause=f"bench:{n}", actor_kind="system", created_at=LONG_AGO
            )
        )
    for rows in (customers, subscriptions, coming, phases, carried, grants, periods, entries):
        copy(rows)
    return customers


def run(processes: int = 3) -> dict[str, Any]:
    """Run the billing once, as the management command does.

    peak_kilobytes: of this process, and of each other one as much as the largest of them.
    """
    began = time.perf_counter()
    own, children = _used(resource.RUSAGE_SELF), _used(resource.RUSAGE_CHILDREN)
    report = run_billing(now=NOW, ahead=True, actor=COMMAND, processes=processes)
    return {
        "issued": report.issued_count,
        "held": report.held_count,
        "seconds": time.perf_counter() - began,
        "python_seconds": _used(resource.RUSAGE_SELF) - own + _used(resource.RUSAGE_CHILDREN) - children,
        "peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        + (processes if processes > 1 else 0) * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    }


def _used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def saves(count: int) -> dict[str, Any]:
    """Write rows like those of the latest invoices once more, each by save(), as a loop over models would; take it back."""
    invoices = list(Invoice.objects.exclude(number=None).order_by("-id")[:count])
    rows: list[models.Model] = [*invoices]
    for model in (InvoiceLine, InvoiceTax, InvoiceCredit, InvoiceEvent):
        rows += model.objects.filter(invoice__in=invoices).order_by("id")
    causes = [f"draw:{one.public_id}" for one in InvoiceCredit.objects.filter(invoice__in=invoices)]
    rows += CreditEntry.objects.filter(cause__in=causes).order_by("id")
    began = time.perf_counter()
    with transaction.atomic():
        for row in rows:
            _save_again(row)
        took = time.perf_counter() - began
        transaction.set_rollback(True)
    return {"invoices": len(invoices), "seconds": took}


def _save_again(row: models.Model) -> None:
    row.pk, row._state.adding = None, True
    if isinstance(row, Invoice):
        row.number, row.series_number, row.revision = f"again-{row.number}", (row.series_number or 0) + 10**9, row.revision + 1
    if isinstance(row, CreditEntry):
        row.cause = f"again:{row.cause}"
    if hasattr(row, "public_id"):
        row.public_id = public_id("again")
    if isinstance(row, InvoiceLine):
        row.position += 1000
    if isinstance(row, InvoiceTax):
        row.is_inclusive = not row.is_inclusive
    row.save()


def profile() -> dict[str, Any]:
    """Run the billing once under cProfile, and say on the error stream where the time went."""
    import cProfile  # noqa: PLC0415
    import pstats  # noqa: PLC0415

    profiler = cProfile.Profile()
    profiler.enable()
    done = run(processes=1)
    profiler.disable()
    stats = pstats.Stats(profiler, stream=sys.stderr)
    stats.sort_stats("cumulative").print_stats(45)
    stats.sort_stats("tottime").print_stats(45)
    return done


STEPS: dict[str, Callable[..., dict[str, Any]]] = {"count": count, "fill": fill, "run": run, "saves": saves, "profile": profile}

if __name__ == "__main__":
    step, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(STEPS[step](*(int(one) for one in arguments))) + "\n")
