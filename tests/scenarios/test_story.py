"""The whole product, told once through HTTP with the published client: from the first customer to the exported invoices.

A company sells tokens and API calls. Two customers subscribe on 1 March 2026; both months are billed on the first of the next one.
All amounts are US cents, worked out by hand beside the assertions.
"""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine
from django.core.management import call_command
from dodopayments import APIStatusError, DodoPayments

from access import keys
from access.actors import COMMAND
from events.models import Event
from tests import live

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),  # the client would rather have us use its checkout
]
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
LARGE = {
    "conjunction": "and",
    "clauses": [
        {"conjunction": "or", "clauses": [{"key": "model", "operator": "equals", "value": "large"}]},
        {"conjunction": "and", "clauses": [{"key": "cached", "operator": "not_equals", "value": True}]},
    ],
}
ADDRESS = {"country": "US", "city": "Springfield"}


@pytest.fixture
def clock(transactional_db: None, base_rows: None) -> Iterator[Any]:
    """The clock of the whole process, server and all: 2 March 2026, 09:00."""
    with live.server() as address, time_machine.travel(datetime(2026, 3, 2, 9, tzinfo=UTC)) as travelled:
        travelled.address = address
        yield travelled


@pytest.fixture
def dodo(clock: Any) -> Iterator[DodoPayments]:
    """The published client with a write key, checking every answer against its types."""
    _key, secret = keys.create(name="backend", scope="write", actor=COMMAND, now=MARCH)
    with DodoPayments(bearer_token=secret, base_url=f"{clock.address}/api/v1", _strict_response_validation=True) as client:
        yield client


def event(event_id: str, customer: str, name: str, at: datetime, **metadata: Any) -> Any:
    return {"event_id": event_id, "customer_id": customer, "event_name": name, "timestamp": at.isoformat(), "metadata": metadata}


def tokens(prefix: str, customer: str, at: datetime, times: int, **metadata: Any) -> list[Any]:
    """So many token events, a second apart."""
    details = {"model": "large", "cached": False} | metadata
    return [event(f"{prefix}-{n}", customer, "tokens", at + timedelta(seconds=n), **details) for n in range(times)]


def calls(prefix: str, customer: str, at: datetime, count: int) -> list[Any]:
    return [event(f"{prefix}-{n}", customer, "call", at + timedelta(seconds=n), path="/v1") for n in range(count)]


def ours(dodo: DodoPayments, method: str, path: str, content: Any = None) -> Any:
    """Use what is ours beside the contract, through the same client."""
    send: Callable[..., Any] = getattr(dodo, method)
    return send(path, cast_to=object, **({} if content is None else {"body": content}))


def ingest(dodo: DodoPayments, events: list[Any]) -> tuple[int, int]:
    """Send a batch; returns how many were new and how many were there already."""
    answer = dodo.usage_events.ingest(events=events).to_dict()
    return answer["ingested_count"], answer["duplicate_count"]  # type: ignore[return-value]


def bill(clock: Any, now: datetime) -> None:
    clock.move_to(now)
    call_command("run_billing", now=now.isoformat(), verbosity=0)


def invoices(dodo: DodoPayments) -> list[Any]:
    """Every invoice whole, by number."""
    listed = ours(dodo, "get", "/invoices?page_size=50")["items"]
    return sorted((ours(dodo, "get", f"/invoices/{one['id']}") for one in listed), key=lambda one: one["number"] or "")


def lines(invoice: Any) -> list[tuple[Any, ...]]:
    """An invoice's lines as (kind, quantity, free, credited, chargeable, unrounded, amount)."""
    names = ("kind", "quantity", "free_quantity", "credited_quantity", "chargeable_quantity", "unrounded_amount", "amount")
    return sorted(tuple(line[name] for name in names) for line in invoice["lines"])


def totals(invoice: Any) -> tuple[Any, ...]:
    return tuple(invoice[name] for name in ("number", "kind", "status", "subtotal", "tax", "total", "amount_due"))


def test_from_the_first_customer_to_the_exported_invoices(dodo: DodoPayments, clock: Any) -> None:
    # --- The catalogue, the customers, what they hold ------------------------------------------------------------------------------
    token_meter = dodo.meters.create(
        name="Tokens of the large model",
        event_name="tokens",
        measurement_unit="tokens",
        aggregation={"type": "sum", "key": "count"},
        filter=LARGE,  # type: ignore[arg-type]
    )
    call_meter = dodo.meters.create(name="Calls", event_name="call", measurement_unit="calls", aggregation={"type": "count"})
    product = dodo.products.create(
        name="Pro",
        tax_category="saas",
        price={
            "type": "usage_based_price",
            "currency": "USD",
            "fixed_price": 4900,
            "payment_frequency_count": 1,
            "payment_frequency_interval": "Month",
            "subscription_period_count": 1,
            "subscription_period_interval": "Year",
            "discount": 0,
            "purchasing_power_parity": False,
            "meters": [
                {"meter_id": token_meter.id, "price_per_unit": "0.015", "free_threshold": 10_000},
                {"meter_id": call_meter.id, "price_per_unit": "0.2", "free_threshold": 100},
            ],
        },
    )
    ada = dodo.customers.create(
        email="ada@example.com", name="Ada", extra_body={"external_id": "A-1", "tax_rate": "0.19"}
    ).customer_id
    bob = dodo.customers.create(email="bob@example.com", name="Bob").customer_id
    for customer in (ada, bob):
        made = dodo.subscriptions.create(
            billing=ADDRESS,  # type: ignore[arg-type]
            customer={"customer_id": customer},
            product_id=product.product_id,
            quantity=1,
            extra_body={"start_at": MARCH.isoformat()},
        )
        assert made.recurring_pre_tax_amount == 4900
    units = {
        "kind": "units",
        "meter_id": token_meter.id,
        "amount": "5000",
        "effective_at": "2026-03-01T00:00:00Z",
        "expires_at": "2026-04-01T00:00:00Z",
    }
    money = {"kind": "money", "currency": "USD", "amount": 300, "effective_at": "2026-03-01T00:00:00Z"}
    ours(dodo, "post", f"/customers/{ada}/credit-grants", units)
    bobs_money = ours(dodo, "post", f"/customers/{bob}/credit-grants", money)["id"]

    # --- March: batches of 1 to 1000, repeats, a conflict, events that no meter counts ------------------------------------------------
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    thousand = tokens("t", ada, noon, 1000, count=37)
    assert ingest(dodo, thousand) == (1000, 0)
    assert ingest(dodo, thousand) == (0, 1000)  # a retry after a lost answer
    assert ingest(dodo, [*thousand[:1], *tokens("one", "A-1", noon, 1, count=12.75)]) == (1, 1)  # by Ada's own id
    assert ingest(dodo, tokens("small", ada, noon, 99, model="small", count=500)) == (99, 0)  # filtered out
    assert ingest(dodo, tokens("cached", ada, noon, 7, cached=True, count=500)) == (7, 0)  # filtered out
    assert ingest(dodo, tokens("text", ada, noon, 2, count="37")) == (2, 0)  # no number: not added
    assert ingest(dodo, calls("a", ada, noon, 250)) == (250, 0)
    assert ingest(dodo, tokens("b", bob, noon, 1, count=9999.999)) == (1, 0)
    assert ingest(dodo, calls("bob", bob, noon, 130)) == (130, 0)
    conflict = dodo.usage_events.ingest(events=tokens("t", ada, noon, 1, count=38)).to_dict()
    assert [one["event_id"] for one in conflict["conflicts"]] == ["t-0"]  # type: ignore[union-attr,index]
    with pytest.raises(APIStatusError) as refused:  # one unknown customer: nothing of its batch is stored
        dodo.usage_events.ingest(events=[*calls("x", ada, noon, 3), *calls("y", "nobody", noon, 1)])
    assert refused.value.status_code == 400
    assert Event.objects.count() == 1000 + 1 + 99 + 7 + 2 + 250 + 1 + 130

    listed = [one.event_id for one in dodo.usage_events.list(customer_id=ada, page_size=100)]
    assert (len(listed), len(set(listed))) == (1359, 1359)
    counted = [one.event_id for one in dodo.usage_events.list(meter_id=token_meter.id, customer_id=ada, page_size=100)]
    assert len(counted) == 1003  # what the filter lets through: 1000 + 1, and the 2 whose count is a text
    assert dodo.usage_events.retrieve("one-0").metadata == {"model": "large", "cached": False, "count": 12.75}

    usage = f"/meters/{token_meter.id}/usage?start=2026-03-01T00:00:00Z&end=2026-04-01T00:00:00Z"
    assert [(one["quantity"], one["event_count"]) for one in ours(dodo, "get", f"{usage}&customer_id=A-1")["items"]] == [
        ("37012.75", 1001)
    ]

    # --- Events of March that arrive on 1 April, within the hour of grace -------------------------------------------------------------
    clock.move_to(datetime(2026, 4, 1, 0, 30, tzinfo=UTC))
    assert ingest(dodo, tokens("late", ada, datetime(2026, 3, 31, 23, 59, tzinfo=UTC), 10, count=100)) == (10, 0)
    assert ingest(dodo, tokens("april", ada, datetime(2026, 4, 1, tzinfo=UTC), 1, count=4000)) == (1, 0)  # April's, not March's

    bill(clock, datetime(2026, 4, 1, 2, tzinfo=UTC))
    first = invoices(dodo)
    bill(clock, datetime(2026, 4, 1, 3, tzinfo=UTC))
    assert invoices(dodo) == first  # the second run issues nothing new

    opening_ada, opening_bob, march_ada, march_bob = first
    # The fee of March, in advance. Ada pays 19 % tax: 4900 × 0.19 = 931.
    assert totals(opening_ada) == ("INV-2026-000001", "opening", "issued", 4900, 931, 5831, 5831)
    assert totals(opening_bob) == ("INV-2026-000002", "opening", "issued", 4900, 0, 4900, 4900)
    # Ada's tokens: 1000 × 37 + 12.75 + 10 × 100 = 38012.75; − 10000 free − 5000 of her credit = 23012.75 × 0.015 = 345.19125 → 345.
    # Ada's calls: 250 − 100 free = 150 × 0.2 = 30.  April's fee 4900.  5275 × 0.19 = 1002.25 → 1002.
    assert lines(march_ada) == [
        ("fixed_fee", None, "0", "0", "0", "4900", 4900),
        ("usage", "250", "100", "0", "150", "30", 30),
        ("usage", "38012.75", "10000", "5000", "23012.75", "345.19125", 345),
    ]
    assert totals(march_ada) == ("INV-2026-000003", "regular", "issued", 5275, 1002, 6277, 6277)
    # Bob's tokens: 9999.999, all free.  His calls: 130 − 100 = 30 × 0.2 = 6, which his money covers: 4900 + 6 − 6.
    assert lines(march_bob) == [
        ("fixed_fee", None, "0", "0", "0", "4900", 4900),
        ("usage", "130", "100", "0", "30", "6", 6),
        ("usage", "9999.999", "9999.999", "0", "0", "0", 0),
    ]
    assert march_bob["credits"] == [{"grant_id": bobs_money, "applies_to": "usage", "amount": 6}]
    assert totals(march_bob) == ("INV-2026-000004", "regular", "issued", 4906, 0, 4900, 4900)

    # --- April ------------------------------------------------------------------------------------------------------------------------
    clock.move_to(datetime(2026, 4, 20, tzinfo=UTC))
    assert ingest(dodo, calls("spring", bob, datetime(2026, 4, 19, tzinfo=UTC), 1000)) == (1000, 0)
    assert ingest(dodo, calls("more", bob, datetime(2026, 4, 19, 6, tzinfo=UTC), 100)) == (100, 0)
    bill(clock, datetime(2026, 5, 1, 2, tzinfo=UTC))

    second = invoices(dodo)
    assert second[:4] == first  # what is issued stays as it is
    april_ada, april_bob = second[4:]
    # Ada: 4000 tokens, all free; nothing of her expired units is needed.  4900 + 931.
    assert lines(april_ada) == [
        ("fixed_fee", None, "0", "0", "0", "4900", 4900),
        ("usage", "0", "0", "0", "0", "0", 0),
        ("usage", "4000", "4000", "0", "0", "0", 0),
    ]
    assert totals(april_ada) == ("INV-2026-000005", "regular", "issued", 4900, 931, 5831, 5831)
    # Bob: 1100 calls − 100 free = 1000 × 0.2 = 200, covered by the 294 that he has left; 94 remain.
    assert lines(april_bob) == [
        ("fixed_fee", None, "0", "0", "0", "4900", 4900),
        ("usage", "0", "0", "0", "0", "0", 0),
        ("usage", "1100", "100", "0", "1000", "200", 200),
    ]
    assert totals(april_bob) == ("INV-2026-000006", "regular", "issued", 5100, 0, 4900, 4900)
    assert all(ours(dodo, "get", f"/invoices/{one['id']}/verify")["holds"] for one in second)  # from raw events, once more
    grant = ours(dodo, "get", f"/credit-grants/{bobs_money}")
    assert (grant["balance"], [entry["amount"] for entry in grant["entries"]]) == (94, [300, -6, -200])

    subscription = next(iter(dodo.subscriptions.list(customer_id=ada)))
    assert (subscription.status, subscription.next_billing_date) == ("active", datetime(2026, 6, 1, tzinfo=UTC))
    history = [
        [(meter.consumed_units, meter.chargeable_units, meter.total_price) for meter in cycle.meters]
        for cycle in dodo.subscriptions.retrieve_usage_history(subscription.subscription_id)
    ]
    assert history == [
        [("0", "0", 0), ("0", "0", 0)],
        [("4000", "0", 0), ("0", "0", 0)],
        [("38012.75", "23012.75", 345), ("250", "150", 30)],
    ]

    # --- Export -----------------------------------------------------------------------------------------------------------------------
    exported = dodo.get("/invoices/export?format=csv", cast_to=httpx.Response).text
    rows = list(csv.DictReader(io.StringIO(exported, newline="")))
    assert [(row["number"], row["customer_name"], int(row["total"])) for row in rows] == [
        ("INV-2026-000001", "Ada", 5831),
        ("INV-2026-000002", "Bob", 4900),
        ("INV-2026-000003", "Ada", 6277),
        ("INV-2026-000004", "Bob", 4900),
        ("INV-2026-000005", "Ada", 5831),
        ("INV-2026-000006", "Bob", 4900),
    ]
    assert sum(int(row["total"]) for row in rows) == sum(one["total"] for one in second) == 32_639
