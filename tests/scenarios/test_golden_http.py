"""Golden invoices once more through HTTP: made by the API, billed by the run, read back line by line."""

from collections.abc import Iterator
from dataclasses import replace
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
from tests.golden import adjustment_facts, invoice_facts
from tests.golden.cases import Case, cases, instant
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
ADJUSTMENTS = [
    "Up: late calls at the price of their cycle",
    "Tier crossing: a graduated charge goes on where the tiers had come to",
    "Units that are not needed any more go back",
    "More usage draws what the same grant still holds, never another one",
]
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
BILLED_AT = datetime(2026, 7, 2, tzinfo=UTC)
ADJUSTED_AT = datetime(2026, 8, 2, tzinfo=UTC)
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


def test_golden_adjustments_come_out_the_same_through_http(http: httpx.Client) -> None:
    chosen = [case for case in cases("adjustments") if case.title in ADJUSTMENTS]
    assert len(chosen) == len(ADJUSTMENTS)
    # Events of a golden case weigh what they say, those of a count meter too.
    first = [
        replace(case, facts=tuple(_summing(fact) for fact in case.facts if fact[0] not in adjustment_facts.LATER))
        for case in chosen
    ]

    customers = {case.title: made(http, case) for case in first}
    call_command("run_billing", now=BILLED_AT.isoformat(), verbosity=0)
    for case, billed in zip(chosen, first, strict=True):
        changed(http, customers[case.title], case, invoice_facts.read(billed).uses)
    call_command("run_billing", now=ADJUSTED_AT.isoformat(), verbosity=0)

    for case in chosen:
        found = [*shown(http, customers[case.title]), "next 2026-07-01", *shown(http, customers[case.title], point=2)]
        of_july = [line for line in found if line.startswith("usage") and ": quantity 0," in line]
        assert [line for line in found if line not in of_july] == [line for line in case.gives if is_served(line)], case.title
        assert len(of_july) == 1


def _summing(fact: tuple[str, ...]) -> tuple[str, ...]:
    return (*fact[:2], "sum", *fact[3:]) if fact[0] == "meter" else fact


def changed(http: httpx.Client, customer: str, case: Case, sent: list[tuple[str, datetime, Decimal]]) -> None:
    """Send what a case has come late, and void what it voids."""
    for number, fact in enumerate(case.facts):
        if fact[0] == "late":
            late = (fact[1], instant(fact[2]), Decimal(fact[3]))
            ingest(http, [sent_as(f"{customer}-late-{number}", customer, late)])
        if fact[0] == "void":
            at = sent.index((fact[1], instant(fact[2]), Decimal(fact[3])))
            post(http, f"/events/{customer}-{at}/void", {"reason": "sent twice"})


def is_served(line: str) -> bool:
    """What the API has no field for: of which grant units were drawn, or given back, beside `credited`."""
    return not line.startswith(("draw ", "return "))


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
            wanted = {
                "kind": "units",
                "meter_id": meters[name],
                "amount": plain(one.available),
                "effective_at": one.period.start,
                "priority": one.priority,
            }
            post(http, f"/customers/{customer}/credit-grants", wanted)
    choice = {"customer": {"customer_id": customer}, "billing": {"country": "US"}, "quantity": 1}
    post(http, "/subscriptions", {**choice, "product_id": product, "start_at": JUNE})
    ingest(http, [sent_as(f"{customer}-{number}", customer, used) for number, used in enumerate(facts.uses)])
    return customer


def sent_as(event_id: str, customer: str, used: tuple[str, datetime, Decimal]) -> dict[str, Any]:
    name, at, quantity = used
    named = {"event_id": event_id, "customer_id": customer, "event_name": f"{customer}.{name}"}
    return {**named, "timestamp": at, "metadata": {"n": quantity}}


def ingest(http: httpx.Client, events: list[dict[str, Any]]) -> None:
    if events:
        assert post(http, "/events/ingest", {"events": events})["ingested_count"] == len(events)


def meter(http: httpx.Client, event_name: str, name: str, facts: Facts) -> str:
    aggregation = {"type": facts.meters[name][0], "key": "n"}
    made = post(http, "/meters", {"name": name, "event_name": event_name, "measurement_unit": name, "aggregation": aggregation})
    return made["id"]  # type: ignore[no-any-return]


def priced(meter_id: str, terms: Any) -> dict[str, Any]:
    """Write price terms as the API takes them."""
    stored = terms.to_json()
    limits = {name: stored.get(name) for name in ("minimum_amount", "maximum_amount", "package_size")}
    price = (
        {"tiers": [{"up_to": None} | one for one in stored["tiers"]]}
        if "tiers" in stored
        else {"price_per_unit": stored["unit_price"]}
    )
    return {"meter_id": meter_id, "price_model": stored["model"], "free_threshold": int(terms.free_threshold), **limits, **price}


def shown(http: httpx.Client, customer: str, point: int = 1) -> Iterator[str]:
    """Write June's invoice, or that of a later point, as golden cases do."""
    (listed,) = [one for one in http.get("/invoices", params={"customer_id": customer}).json()["items"] if one["point"] == point]
    invoice = http.get(f"/invoices/{listed['id']}").json()
    assert invoice["status"] in ("issued", "paid")
    for line in invoice["lines"]:
        assert_waterfall(line)
        if line["kind"] in ("usage", "adjustment"):
            yield (
                f"{line['kind']} {line['description']}: quantity {line['quantity']}, free {line['free_quantity']}, "
                f"credited {line['credited_quantity']}, chargeable {line['chargeable_quantity']}, "
                f"unrounded {line['unrounded_amount']}, amount {line['amount']}"
            )
        else:
            yield f"{line['kind']} {line['description']}: unrounded {line['unrounded_amount']}, amount {line['amount']}"
    for tax in invoice["taxes"]:
        yield f"tax {plain(Decimal(tax['rate']) * 100)}%: base {invoice['subtotal']}, amount {tax['amount']}"
    yield f"subtotal {invoice['subtotal']}, tax {invoice['tax']}, total {invoice['total']}, due {invoice['amount_due']}"


def assert_waterfall(line: dict[str, Any]) -> None:
    """Hold that a line's waterfall leads from its quantity to its amount."""
    fall = line["waterfall"]
    assert (fall is not None) == (line["kind"] == "usage" or (line["kind"] == "adjustment" and line["quantity"] is not None))
    if fall is None:
        return
    credited = sum(Decimal(one["quantity"]) for one in fall["credits"])
    paid = Decimal(fall["quantity"] or 0) - Decimal(fall["free_quantity"]) - credited
    assert Decimal(fall["chargeable_quantity"]) == max(paid, 0)
    assert sum(Decimal(part["amount"]) for part in fall["parts"]) == Decimal(fall["unrounded_amount"])
    assert Decimal(fall["unrounded_amount"]) + Decimal(fall["rounding_difference"]) == fall["rounded_amount"]
    assert fall["amount"] == min(
        fall["rounded_amount"], fall["rounded_amount"] if fall["maximum_amount"] is None else fall["maximum_amount"]
    )
    if line["kind"] == "usage":
        figures = ("quantity", "free_quantity", "chargeable_quantity", "unrounded_amount", "amount")
        assert [line[name] for name in figures] == [fall[name] for name in figures]
