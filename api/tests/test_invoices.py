"""Invoices and usage histories through HTTP: drafts as they stand, issued ones from their rows."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from dodopayments import DodoPayments
from pypdf import PdfReader

from core import formatting
from invoices import drafting
from invoices.models import InvoiceCredit
from invoices.run import run_billing
from products.tests import making
from products.tests.making import ACTOR

pytestmark = pytest.mark.django_db(transaction=True)
JANUARY = datetime(2026, 1, 10, tzinfo=UTC)
FIRST = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(JANUARY, tick=True) as travelled:
        yield travelled


@pytest.fixture
def story(clock: Any, call: Callable[..., Any]) -> dict[str, str]:
    """One customer with 49.00 a month and 0.015 cents a token beyond 100; 300.5 tokens used in January."""
    meter = making.meter("call", "sum", "tokens")
    product = making.product(making.per_unit(meter, "1.5", free_threshold=100), fee=4900)
    customer = making.customer(external_id="ext").public_id
    order = {
        "billing": {"country": "DE"},
        "customer": {"customer_id": customer},
        "product_id": product.public_id,
        "quantity": 1,
        "start_at": "2026-01-01T00:00:00Z",
    }
    subscription = call("POST", "/subscriptions", order).body["subscription_id"]
    events = [{"event_id": str(n), "customer_id": customer, "event_name": "call", "metadata": {"tokens": 100}} for n in range(3)]
    raw = {"event_id": "half", "customer_id": customer, "event_name": "call", "metadata": {"tokens": 0.5}}
    assert call("POST", "/events/ingest", {"events": [*events, raw]}).body["ingested_count"] == 4
    return {"customer": customer, "subscription": subscription, "meter": meter.public_id, "product": product.public_id}


def listed(call: Callable[..., Any], query: str = "") -> list[Any]:
    return call("GET", f"/invoices?{query}").body["items"]


def test_a_draft_shows_what_would_be_issued_and_is_issued_by_hand(call: Callable[..., Any], clock: Any, story: Any) -> None:
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)
    draft, opening = listed(call)
    assert (opening["status"], opening["kind"], opening["total"], opening["number"]) == (
        "issued",
        "opening",
        4900,
        "INV-2026-000001",
    )
    assert (draft["status"], draft["lines"], draft["subtotal"]) == ("draft", [], None)

    seen = call("GET", f"/invoices/{draft['id']}").body
    issued = call("POST", f"/invoices/{draft['id']}/issue").body

    # 300.5 tokens − 100 free = 200.5 × 1.5 cents = 300.75, rounded to 301; fee of February 4900.
    for one in (seen, issued):
        usage = next(line for line in one["lines"] if line["kind"] == "usage")
        assert (usage["quantity"], usage["free_quantity"], usage["credited_quantity"]) == ("300.5", "100", "0")
        assert (usage["chargeable_quantity"], usage["unit_price"], usage["unrounded_amount"]) == ("200.5", "1.5", "300.75")
        assert (usage["amount"], usage["meter_id"]) == (301, story["meter"])
        assert usage["waterfall"] == WATERFALL
        assert [line["waterfall"] for line in one["lines"] if line["kind"] != "usage"] == [None]
        assert sorted(line["amount"] for line in one["lines"]) == [301, 4900]
        assert (one["subtotal"], one["tax"], one["total"], one["amount_due"]) == (5201, 0, 5201, 5201)
    assert (seen["status"], issued["status"], issued["number"]) == ("draft", "issued", "INV-2026-000002")
    assert all(line["id"] for line in issued["lines"])
    again = call("POST", f"/invoices/{draft['id']}/issue")
    assert (again.status, again.body["code"]) == (400, "INVOICE_NOT_DRAFT")


WATERFALL = {
    "quantity": "300.5",
    "earlier_quantity": None,
    "free_quantity": "100",
    "credits": [],
    "chargeable_quantity": "200.5",
    "parts": [{"quantity": "200.5", "unit_price": "1.5", "flat_amount": 0, "packages": None, "amount": "300.75"}],
    "unrounded_amount": "300.75",
    "rounded_amount": 301,
    "rounding_difference": "0.25",
    "maximum_amount": None,
    "minimum_amount": None,
    "proration": "1",
    "amount": 301,
}


def test_an_invoice_prints_what_the_api_answers(call: Callable[..., Any], clock: Any, story: Any, dodo: DodoPayments) -> None:
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)
    issued = call("POST", f"/invoices/{listed(call)[0]['id']}/issue").body

    printed = dodo.invoices.payments.retrieve(issued["id"])

    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(printed.read())).pages).split())
    for line in issued["lines"]:
        assert line["description"] in text
        assert formatting.amount(line["amount"], "USD") in text
    assert f"Amount due {formatting.amount(issued['amount_due'], 'USD')}" in text
    reply = call("GET", f"/invoices/{issued['id']}/pdf")
    assert (reply.status, reply.headers["Content-Type"], reply.raw[:5]) == (200, "application/pdf", b"%PDF-")
    assert call("GET", "/invoices/inv_none/pdf").status == 404


def test_credits_stand_beside_the_lines(call: Callable[..., Any], clock: Any, story: Any) -> None:
    units = {"kind": "units", "meter_id": story["meter"], "amount": "50", "effective_at": "2026-01-01T00:00:00Z"}
    money = {"kind": "money", "currency": "USD", "amount": 200, "effective_at": "2026-01-01T00:00:00Z"}
    for content in (units, money):
        call("POST", f"/customers/{story['customer']}/credit-grants", content)
    balances = {one["kind"]: one["balance"] for one in call("GET", "/customers/ext/credit-grants").body["items"]}
    assert balances == {"units": "0", "money": 0}  # the live use of the running cycle is taken off

    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)
    issued = call("POST", f"/invoices/{listed(call)[0]['id']}/issue").body

    # 200.5 − 50 units of credit = 150.5 × 1.5 = 225.75 → 226; money credit 200 off usage; 4900 + 226 − 200 = 4926.
    usage = next(line for line in issued["lines"] if line["kind"] == "usage")
    assert (usage["credited_quantity"], usage["chargeable_quantity"], usage["amount"]) == ("50", "150.5", 226)
    assert InvoiceCredit.objects.exclude(line=None).get().line.public_id == usage["id"]
    (credit,) = issued["credits"]
    grants = {one["id"]: one for one in call("GET", "/customers/ext/credit-grants").body["items"]}
    assert (credit["applies_to"], credit["amount"], grants[credit["grant_id"]]["kind"]) == ("usage", 200, "money")
    assert (issued["subtotal"], issued["total"], issued["amount_due"]) == (5126, 4926, 4926)


def test_lists_filter(call: Callable[..., Any], clock: Any, story: Any) -> None:
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)

    assert [one["kind"] for one in listed(call)] == ["regular", "opening"]
    assert [one["kind"] for one in listed(call, "status=issued")] == ["opening"]
    assert [one["kind"] for one in listed(call, "status=paid")] == []
    assert len(listed(call, f"customer_id=ext&subscription_id={story['subscription']}")) == 2
    assert listed(call, "subscription_id=sub_x") == []
    assert len(listed(call, "period_start=2026-01-01T00:00:00Z&period_end=2026-02-01T00:00:00Z")) == 2
    assert listed(call, "period_start=2026-01-02T00:00:00Z") == []
    assert call("GET", "/invoices?customer_id=cus_x").body["code"] == "CUSTOMER_NOT_FOUND"
    assert call("GET", "/invoices?status=sent").status == 422
    assert call("GET", "/invoices/inv_x").body["code"] == "INVOICE_NOT_FOUND"
    assert call("POST", "/invoices/inv_x/issue").body["code"] == "INVOICE_NOT_FOUND"


def test_exports_invoices_and_lines_as_tables_and_journal(call: Callable[..., Any], clock: Any, story: Any) -> None:
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)

    def exported(query: str) -> list[dict[str, str]]:
        reply = call("GET", f"/invoices/export?{query}")
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert reply.headers["Content-Disposition"].startswith("attachment; filename=")
        return list(csv.DictReader(io.StringIO(reply.raw.decode(), newline="")))

    assert [(row["number"], row["status"]) for row in exported("")] == [("INV-2026-000001", "issued"), ("", "draft")]
    assert [row["number"] for row in exported("format=csv&status=issued&customer_id=ext")] == ["INV-2026-000001"]
    assert [(row["kind"], row["amount"]) for row in exported("rows=lines")] == [("fixed_fee", "4900")]
    assert exported("period_start=2027-01-01T00:00:00Z") == []
    assert [(row["account"], row["debit"], row["credit"]) for row in exported("format=journal")] == [
        ("receivables", "49.00", ""),
        ("revenue.fixed_fee", "", "49.00"),
    ]
    workbook = call("GET", "/invoices/export?format=xlsx&rows=lines")
    assert (workbook.status, workbook.raw[:2]) == (200, b"PK")
    assert call("GET", "/invoices/export?format=ods").status == 422


def test_the_usage_history_shows_running_and_billed_cycles_alike(call: Callable[..., Any], clock: Any, story: Any) -> None:
    address = f"/subscriptions/{story['subscription']}/usage-history"
    january = {
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-01T00:00:00Z",
        "meters": [
            {
                "id": story["meter"],
                "name": "Call",
                "currency": "USD",
                "consumed_units": "300.5",
                "free_threshold": 100,
                "chargeable_units": "200.5",
                "price_per_unit": "1.5",
                "total_price": 301,
            }
        ],
    }
    assert call("GET", address).body == {"items": [january]}

    clock.move_to(datetime(2026, 2, 3, tzinfo=UTC))
    run_billing(now=datetime(2026, 2, 3, tzinfo=UTC), actor=ACTOR)
    february, billed = call("GET", address).body["items"]

    assert billed == january
    assert [(one["consumed_units"], one["total_price"]) for one in february["meters"]] == [("0", 0)]
    assert call("GET", f"{address}?page_number=1&page_size=1").body["items"] == [january]
    assert call("GET", f"{address}?end_date=2026-01-15T00:00:00Z&meter_id={story['meter']}").body["items"] == [january]
    assert call("GET", f"{address}?meter_id={making.meter('other').public_id}").body["items"][1]["meters"] == []
    assert call("GET", "/subscriptions/sub_x/usage-history").body["code"] == "SUBSCRIPTION_NOT_FOUND"


def test_the_unit_price_of_tiers_is_what_a_unit_came_to(call: Callable[..., Any], clock: Any) -> None:
    meter = making.meter("mail")
    tiers = [{"up_to": "2", "unit_price": "10", "flat_amount": 0}, {"up_to": None, "unit_price": "1", "flat_amount": 0}]
    price = {
        "type": "usage_based_price", "currency": "USD", "fixed_price": 0, "payment_frequency_count": 1, "payment_frequency_interval": "Month",  # noqa: E501
        "subscription_period_count": 1, "subscription_period_interval": "Year",
        "meters": [{"meter_id": meter.public_id, "price_model": "graduated", "tiers": tiers}],
    }  # fmt: skip
    product = call("POST", "/products", {"name": "T", "tax_category": "saas", "price": price}).body["product_id"]
    customer = making.customer().public_id
    order = {"billing": {"country": "DE"}, "customer": {"customer_id": customer}, "product_id": product, "quantity": 1}
    subscription = call("POST", "/subscriptions", order).body["subscription_id"]
    events = [{"event_id": f"t{n}", "customer_id": customer, "event_name": "mail"} for n in range(3)]
    call("POST", "/events/ingest", {"events": events})

    (cycle,) = call("GET", f"/subscriptions/{subscription}/usage-history").body["items"]

    # 2 × 10 + 1 × 1 = 21 cents for 3 mails: 7 each.
    assert [(m["chargeable_units"], m["total_price"], m["price_per_unit"]) for m in cycle["meters"]] == [("3", 21, "7")]
    assert Decimal(cycle["meters"][0]["price_per_unit"]) * 3 == 21


def test_an_invoice_is_proved_and_voided(call: Callable[..., Any], clock: Any, story: Any) -> None:
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)
    draft, _ = listed(call)
    issued = call("POST", f"/invoices/{draft['id']}/issue").body

    proof = call("GET", f"/invoices/{issued['id']}/verify").body
    note = call("POST", f"/invoices/{issued['id']}/void", {"then": "reissue", "reason": "wrong plan"}).body

    assert proof == {"invoice_id": issued["id"], "holds": True, "findings": [], "since_then": []}
    assert (note["kind"], note["number"], note["corrects"], note["total"]) == (
        "credit_note",
        "CN-2026-000001",
        issued["id"],
        -5201,
    )
    assert call("GET", f"/invoices/{issued['id']}").body["status"] == "void"
    assert [(one["revision"], one["status"]) for one in listed(call, "status=draft")] == [(1, "draft")]
    again = call("POST", f"/invoices/{issued['id']}/void", {"then": "waive", "reason": "again"})
    assert (again.status, again.body["code"]) == (400, "INVOICE_NOT_VOIDABLE")


def test_a_void_is_foreseen_with_either_outcome_and_leaves_nothing_behind(
    call: Callable[..., Any], clock: Any, story: Any
) -> None:
    grant = {"kind": "money", "currency": "USD", "amount": 1000, "applies_to": "usage", "effective_at": "2026-01-01T00:00:00Z"}
    grant_id = call("POST", f"/customers/{story['customer']}/credit-grants", grant).body["id"]
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)
    draft, _ = listed(call)
    issued = call("POST", f"/invoices/{draft['id']}/issue").body
    late = {"event_id": "late", "customer_id": story["customer"], "event_name": "call", "metadata": {"tokens": 100}}
    call("POST", "/events/ingest", {"events": [{**late, "timestamp": "2026-01-31T00:00:00Z"}]})
    before = listed(call)

    address = f"/invoices/{issued['id']}/void/preview"
    again, waived = (call("POST", address, {"then": then}).body for then in ("reissue", "waive"))

    assert (issued["subtotal"], issued["credits"][0]["amount"]) == (5201, 301)
    note = again["credit_note"]
    assert (note["id"], note["number"], note["corrects"], note["total"]) == ("", None, issued["id"], -4900)
    # 300.5 tokens and the late 100, 100 of them free: 300.5 × 1.5 = 450.75.
    assert [(line["amount"], line["id"]) for line in again["draft"]["lines"]] == [(4900, None), (451, None)]
    assert (again["draft"]["id"], again["draft"]["revision"], again["draft_problem"]) == ("", 1, None)
    moved = {"grant_id": grant_id, "returned": 301, "expires": 0, "taken": 0}
    assert [{name: one[name] for name in moved} for one in again["credits"]] == [moved]
    assert (waived["draft"], waived["credit_note"]["total"]) == (None, -4900)
    assert listed(call) == before
    assert call("POST", address, {"then": "forget"}).status == 422
    assert call("POST", f"/invoices/{draft['id']}/void/preview", {"then": "waive"}, scope="read").status == 403
    unissued = call("POST", "/invoices/inv_none/void/preview", {"then": "waive"})
    assert (unissued.status, unissued.body["code"]) == (404, "INVOICE_NOT_FOUND")


def test_who_changed_what_stands_on_an_invoice_is_listed(call: Callable[..., Any], clock: Any, story: Any) -> None:
    clock.move_to(FIRST)
    run_billing(now=FIRST, actor=ACTOR)
    draft, _ = listed(call)
    for remarks in ({"memo": "first"}, {"memo": "second", "purchase_order": "PO-7"}, {"memo": "second"}):
        call("PATCH", f"/invoices/{draft['id']}", remarks)

    changes = call("GET", f"/invoices/{draft['id']}/remarks").body["items"]

    assert [(one["remark"], one["before"], one["after"]) for one in changes] == [
        ("purchase_order", "", "PO-7"),
        ("memo", "first", "second"),
        ("memo", "", "first"),
    ]
    assert {one["changed_by"].split(":")[0] for one in changes} == {"api_key"}
    assert call("GET", f"/invoices/{draft['id']}/remarks?page_size=1&page_number=1").body["items"] == changes[1:2]
    assert call("GET", "/invoices/inv_none/remarks").body["code"] == "INVOICE_NOT_FOUND"


def test_an_adjustment_names_the_line_it_corrects_and_the_events_that_caused_it(
    call: Callable[..., Any], clock: Any, story: Any
) -> None:
    clock.move_to(datetime(2026, 2, 2, tzinfo=UTC))
    run_billing(now=clock_now(), actor=ACTOR)
    late = {"event_id": "a/b", "customer_id": story["customer"], "event_name": "call", "metadata": {"tokens": 200}}
    assert call("POST", "/events/ingest", {"events": [late | {"timestamp": "2026-01-31T23:00:00Z"}]}).status == 200
    call("POST", "/events/1/void", {"reason": "test traffic"})
    clock.move_to(datetime(2026, 3, 1, 0, 10, tzinfo=UTC))
    draft = _draft_of(call)
    clock.move_to(datetime(2026, 3, 2, tzinfo=UTC))

    run_billing(now=clock_now(), actor=ACTOR)

    february, january = (call("GET", f"/invoices/{one['id']}").body for one in listed(call)[:2])
    (usage,) = (line for line in january["lines"] if line["kind"] == "usage")
    (line,) = (line for line in february["lines"] if line["kind"] == "adjustment")
    # 200.5 chargeable at 1.5 are 301 cents, 300.5 are 451: 150 more.
    assert (line["adjusts"], line["period_start"]) == (usage["id"], "2026-01-01T00:00:00Z")
    assert (line["quantity"], line["chargeable_quantity"], line["unrounded_amount"], line["amount"]) == ("100", "100", "150", 150)
    (foreseen,) = (one for one in draft["lines"] if one["kind"] == "adjustment")
    assert (foreseen["adjusts"], foreseen["amount"]) == (usage["id"], 150)
    right = {"quantity": "400.5", "chargeable_quantity": "300.5", "unrounded_amount": "450.75", "amount": 451}
    for waterfall in (foreseen["waterfall"], line["waterfall"]):
        assert {name: waterfall[name] for name in right} == right
    address = f"/invoices/{february['id']}/lines/{line['id']}/events"
    caused = call("GET", address).body["items"]
    assert [(one["event_id"], one["change"], one["quantity"]) for one in caused] == [
        ("a/b", "arrived", "200"),
        ("1", "voided", "-100"),
    ]
    assert caused[0]["metadata"] == {"tokens": 200}
    assert call("GET", f"{address}?page_number=1&page_size=1").body["items"] == caused[1:]
    counted = call("GET", f"/invoices/{january['id']}/lines/{usage['id']}/events").body["items"]
    assert [(one["event_id"], one["change"], one["quantity"]) for one in counted] == [
        ("half", None, "0.5"),
        ("2", None, "100"),
        ("1", None, "100"),
        ("0", None, "100"),
    ]
    reply = call("GET", address, HTTP_ACCEPT="text/csv")
    assert [(row["event_id"], row["quantity"], row["change"]) for row in csv.DictReader(io.StringIO(reply.raw.decode()))] == [
        ("a/b", "200", "arrived"),
        ("1", "-100", "voided"),
    ]
    (fee,) = (one for one in february["lines"] if one["kind"] == "fixed_fee")
    assert call("GET", f"/invoices/{february['id']}/lines/{fee['id']}/events").body["code"] == "LINE_WITHOUT_EVENTS"
    assert call("GET", f"/invoices/{january['id']}/lines/{line['id']}/events").body["code"] == "INVOICE_LINE_NOT_FOUND"
    proof = call("GET", f"/invoices/{january['id']}/verify").body
    assert [(one["quantity_now"], one["adjusted_by"]) for one in proof["since_then"]] == [("400.5", [february["number"]])]


def clock_now() -> datetime:
    return datetime.now(UTC)


def _draft_of(call: Callable[..., Any]) -> Any:
    drafting.write_drafts(now=clock_now(), actor=ACTOR)
    (draft,) = listed(call, "status=draft")
    return call("GET", f"/invoices/{draft['id']}").body
