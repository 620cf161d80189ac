"""Golden invoices once more through HTTP: made by the API, billed by the run, read back line by line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
import time_machine
from django.core.management import call_command

from access import keys
from access.actors import COMMAND
from core import exact_json
from core.money import plain
from tests import live
from tests.golden import invoice_facts
from tests.golden.cases import Case, cases
from tests.golden.invoice_facts import Facts, Words

CASES = [
    "Per unit: two hours are free, three quarters of an hour cost $9",
    "Per unit: a line is rounded before it meets its limits",
    "Per unit: without usage the whole minimum is due",
    "Graduated: the second bound met exactly, and by the smallest part of a unit exceeded",
    "Graduated: credits keep the usage in the first, dearer tier",
    "Volume: the greatest number of seats chooses the price of every seat",
    "Package: credits cover units, not packages",
    "JPY: half a yen goes up, the consumption tax is rounded to whole yen",
    "KWD: half a fils a call, in dinars of a thousand fils",
    "UYW: four decimals; a fee of 12.3456 and half of the smallest unit",
    "Everyday: 10 GB free, then $5 a GB, with events in bytes",
]
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
BILLED_AT = datetime(2026, 7, 2, tzinfo=UTC)
MONTHLY = {
    "type": "usage_based_price",
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 1,
    "subscription_period_interval": "Year",
}


@pytest.fixture
def http(transactional_db: None, base_rows: None) -> Iterator[httpx.Client]:
    """The API on 2 July 2026; June is over."""
    _key, secret = keys.create(name="golden", scope="write", actor=COMMAND, now=JUNE)
    authorized = {"Authorization": f"Bearer {secret}"}
    with (
        live.server() as address,
        time_machine.travel(BILLED_AT),
        httpx.Client(base_url=f"{address}/api/v1", headers=authorized) as client,
    ):
        yield client


def test_golden_invoices_come_out_the_same_through_http(http: httpx.Client) -> None:
    chosen = [case for case in cases("invoices") if case.title in CASES]
    assert len(chosen) == len(CASES)

    customers = {case.title: made(http, case) for case in chosen}
    call_command("run_billing", now=BILLED_AT.isoformat(), verbosity=0)

    for case in chosen:
        assert list(shown(http, customers[case.title])) == [line for line in case.gives if is_served(line)], case.title


def is_served(line: str) -> bool:
    """What the API has no field for: of which grant units were drawn, beside `credited`."""
    return not line.startswith("draw ")


def post(http: httpx.Client, path: str, content: Any) -> Any:
    answer = http.post(path, content=exact_json.dumps(content), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def made(http: httpx.Client, case: Case) -> str:
    """Make a case's meters, product, customer, credits and events; gives the customer's id."""
    facts = invoice_facts.read(case)
    header = Words(facts.header[3:])
    rate = Decimal(header.option("tax", "0%").removesuffix("%")).scaleb(-2)
    customer = post(http, "/customers", {"name": "Golden", "email": "g@example.com", "tax_rate": plain(rate)})["customer_id"]
    meters = {name: meter(http, f"{customer}.{name}", name, facts) for name in facts.meters}
    fee = sum(fee.amount for fee in facts.fees)
    prices = [priced(meters[name], terms) for name, (_, terms, _) in facts.meters.items()]
    price = {**MONTHLY, "currency": facts.currency, "fixed_price": fee, "meters": prices}
    product = post(http, "/products", {"name": "fee", "tax_category": "saas", "price": price})["product_id"]
    for name, held in facts.units.items():
        for one in held:
            wanted = {"kind": "units", "meter_id": meters[name], "amount": plain(one.available), "effective_at": one.period.start}
            post(http, f"/customers/{customer}/credit-grants", wanted)
    choice = {"customer": {"customer_id": customer}, "billing": {"country": "US"}, "quantity": 1}
    post(http, "/subscriptions", {**choice, "product_id": product, "start_at": JUNE})
    events = [
        {
            "event_id": f"{customer}-{number}",
            "customer_id": customer,
            "event_name": f"{customer}.{name}",
            "timestamp": at,
            "metadata": {"n": quantity},
        }
        for number, (name, at, quantity) in enumerate(facts.uses)
    ]
    if events:
        assert post(http, "/events/ingest", {"events": events})["ingested_count"] == len(events)
    return customer


def meter(http: httpx.Client, event_name: str, name: str, facts: Facts) -> str:
    aggregation = {"type": facts.meters[name][0], "key": "n"}
    made = post(http, "/meters", {"name": name, "event_name": event_name, "measurement_unit": name, "aggregation": aggregation})
    return made["id"]  # type: ignore[no-any-return]


def priced(meter_id: str, terms: Any) -> dict[str, Any]:
    """Write price terms as the API takes them."""
    stored = terms.to_json()
    limits = {name: stored[name] for name in ("minimum_amount", "maximum_amount", "package_size")}
    price = {"price_per_unit": stored["unit_price"]} if stored["unit_price"] else {"tiers": stored["tiers"]}
    return {"meter_id": meter_id, "price_model": stored["model"], "free_threshold": int(terms.free_threshold), **limits, **price}


def shown(http: httpx.Client, customer: str) -> Iterator[str]:
    """Write June's invoice as golden cases do."""
    (listed,) = [one for one in http.get("/invoices", params={"customer_id": customer}).json()["items"] if one["point"] == 1]
    invoice = http.get(f"/invoices/{listed['id']}").json()
    assert invoice["status"] in ("issued", "paid")
    for line in invoice["lines"]:
        if line["kind"] == "usage":
            yield (
                f"usage {line['description']}: quantity {line['quantity']}, free {line['free_quantity']}, "
                f"credited {line['credited_quantity']}, chargeable {line['chargeable_quantity']}, "
                f"unrounded {line['unrounded_amount']}, amount {line['amount']}"
            )
        else:
            yield f"{line['kind']} {line['description']}: unrounded {line['unrounded_amount']}, amount {line['amount']}"
    for tax in invoice["taxes"]:
        yield f"tax {plain(Decimal(tax['rate']) * 100)}%: base {invoice['subtotal']}, amount {tax['amount']}"
    yield f"subtotal {invoice['subtotal']}, tax {invoice['tax']}, total {invoice['total']}, due {invoice['amount_due']}"
