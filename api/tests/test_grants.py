"""Credit grants through HTTP."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from credits.models import CreditGrant
from invoices.models import Invoice
from invoices.tests import story
from products.tests import making

MONEY = {"kind": "money", "currency": "USD", "amount": 5000}


@pytest.fixture
def customer(db: None) -> str:
    return making.customer(external_id="ext").public_id


def test_money_is_granted_shown_and_voided(call: Callable[..., Any], customer: str) -> None:
    made = call("POST", f"/customers/{customer}/credit-grants", MONEY | {"name": "Welcome", "priority": 5, "metadata": {"a": 1}})

    assert made.status == 201
    grant = made.body
    assert (grant["kind"], grant["amount"], grant["balance"], grant["currency"]) == ("money", 5000, 5000, "USD")
    assert (grant["applies_to"], grant["priority"], grant["renews"], grant["meter_id"]) == ("usage", 5, False, None)
    assert [(entry["kind"], entry["amount"]) for entry in grant["entries"]] == [("granted", 5000)]
    assert call("GET", f"/credit-grants/{grant['id']}").body == grant
    assert [one["id"] for one in call("GET", "/customers/ext/credit-grants").body["items"]] == [grant["id"]]

    voided = call("POST", f"/credit-grants/{grant['id']}/void", {"reason": "By mistake"}).body
    assert (voided["balance"], voided["void_reason"]) == (0, "By mistake")
    again = call("POST", f"/credit-grants/{grant['id']}/void", {"reason": "x"})
    assert (again.status, again.body["code"]) == (400, "CREDIT_GRANT_ALREADY_VOIDED")


def test_a_grant_that_is_sent_again_with_its_key_is_given_once(call: Callable[..., Any], customer: str) -> None:
    renewing = {"renews": True, "renewal_interval": "Month", "renewal_count": 1, "rollover": "capped", "rollover_cap": 700}
    said = {"name": "Welcome", "reason": "New", "metadata": {"a": 0.1}, "low_balance_threshold": 9, "priority": 5}
    keyed = MONEY | renewing | said | {"idempotency_key": "welcome-1"}
    address = f"/customers/{customer}/credit-grants"

    first, again = call("POST", address, keyed), call("POST", address, keyed)
    call("PATCH", f"/credit-grants/{first.body['id']}", {"low_balance_threshold": 8})
    later = call("POST", address, keyed)

    assert (first.status, again.status, again.body["id"], later.body["id"]) == (201, 201, first.body["id"], first.body["id"])
    assert [grant.amount for grant in CreditGrant.objects.all()] == [5000]
    elsewhere = making.customer("Other").public_id
    assert call("POST", f"/customers/{elsewhere}/credit-grants", keyed).body["id"] != first.body["id"]


OTHER = {
    "amount": 1, "name": "Hello", "reason": "Old", "metadata": {"a": True}, "low_balance_threshold": 7, "priority": 6, "rollover_cap": 9,
    "renewal_count": 3, "renewal_interval": "Week", "expires_at": "2999-01-01T00:00:00Z", "currency": "EUR", "applies_to": "invoice",
}  # fmt: skip


def test_a_key_that_gave_another_grant_gives_none(call: Callable[..., Any], customer: str) -> None:
    renewing = {"renews": True, "renewal_interval": "Month", "renewal_count": 1, "rollover": "capped", "rollover_cap": 700}
    said = {"name": "Welcome", "metadata": {"a": 1}, "effective_at": "2026-01-01T00:00:00Z"}
    keyed = MONEY | renewing | said | {"idempotency_key": "monthly"}
    address = f"/customers/{customer}/credit-grants"
    first = call("POST", address, keyed)

    others = {name: call("POST", address, keyed | {name: said}) for name, said in OTHER.items()}
    later = call("POST", address, keyed | {"effective_at": "2026-01-02T00:00:00Z"})
    unsaid = call("POST", address, {name: said for name, said in keyed.items() if name != "effective_at"})

    assert {(reply.status, reply.body["code"], reply.body["field"]) for reply in (*others.values(), later)} == {
        (409, "IDEMPOTENCY_KEY_REUSED", "idempotency_key")
    }
    assert [name for name, reply in others.items() if f"`{name}`" not in reply.body["message"]] == []
    assert later.body["message"] == (
        "This idempotency_key was used for a grant with another `effective_at`. Repeat that request, or send this one with a key "
        "of its own."
    )
    assert (later.headers["x-should-retry"], unsaid.body["id"]) == ("false", first.body["id"])
    assert CreditGrant.objects.count() == 1


def test_units_are_granted(call: Callable[..., Any], customer: str) -> None:
    meter = making.meter().public_id
    units = {"kind": "units", "meter_id": meter, "amount": "1000.5", "expires_at": "2999-01-01T00:00:00Z"}

    grant = call("POST", f"/customers/{customer}/credit-grants", units).body

    assert (grant["amount"], grant["balance"], grant["meter_id"], grant["currency"]) == ("1000.5", "1000.5", meter, None)


def test_a_grant_renews_on_its_own(call: Callable[..., Any], customer: str) -> None:
    renewing = MONEY | {"renews": True, "renewal_interval": "Month", "renewal_count": 1, "applies_to": "invoice"}

    grant = call("POST", f"/customers/{customer}/credit-grants", renewing).body

    assert (grant["renews"], grant["renewal_interval"], grant["renewal_count"], grant["applies_to"]) == (
        True,
        "Month",
        1,
        "invoice",
    )
    assert grant["balance"] == 5000


@pytest.mark.parametrize(
    ("content", "status", "code", "message"),
    [
        (MONEY | {"amount": "5000"}, 422, "INVALID_FIELD", "`amount` of money must be a whole number of minor units, at most 10^15."),
        (MONEY | {"amount": 5.5}, 422, "WRONG_TYPE", "`amount` must be a whole number or a string, not a fraction."),
        (MONEY | {"amount": 0}, 400, "CREDIT_GRANT_INVALID", "amount must lie above 0 and below 10^30."),
        (MONEY | {"currency": "XXX"}, 422, "INVALID_FIELD", "`currency` must be an ISO 4217 currency code, such as USD."),
        (MONEY | {"currency": None}, 400, "CREDIT_GRANT_INVALID", "Money needs a currency; units have none."),
        (MONEY | {"kind": "beans"}, 422, "INVALID_FIELD", "`kind` does not know 'beans'."),
        (MONEY | {"renews": True}, 400, "CREDIT_GRANT_INVALID", "A grant that renews has either a subscription_id or renewal_interval and renewal_count."),  # noqa: E501
        (MONEY | {"renewal_interval": "Month"}, 422, "INVALID_FIELD", "`renewal_interval` and renewal_count go together."),
        (MONEY | {"meter_id": "mtr_x"}, 404, "METER_NOT_FOUND", "There is no meter mtr_x."),
        (MONEY | {"subscription_id": "sub_x"}, 404, "SUBSCRIPTION_NOT_FOUND", "There is no subscription sub_x."),
        ({"kind": "units", "amount": 5, "meter_id": "x"}, 422, "INVALID_FIELD", "`amount` of units must be a decimal string."),
        ({"kind": "units", "amount": "1e5", "meter_id": "x"}, 422, "INVALID_FIELD", "`amount` must be a plain decimal, such as 12.5."),
        ({"kind": "units", "amount": "5"}, 400, "CREDIT_GRANT_INVALID", "Units need a meter_id; money has none."),
    ],
)  # fmt: skip
def test_refuses_bad_grants(call: Callable[..., Any], customer: str, content: Any, status: int, code: str, message: str) -> None:
    reply = call("POST", f"/customers/{customer}/credit-grants", content)

    assert (reply.status, reply.body["code"], reply.body["message"]) == (status, code, message)
    assert not CreditGrant.objects.exists()


def test_unknown_grants_and_customers_are_not_found(call: Callable[..., Any]) -> None:
    assert call("GET", "/credit-grants/cgr_x").body["code"] == "CREDIT_GRANT_NOT_FOUND"
    assert call("POST", "/credit-grants/cgr_x/void", {"reason": "x"}).body["code"] == "CREDIT_GRANT_NOT_FOUND"
    assert call("GET", "/customers/cus_x/credit-grants").body["code"] == "CUSTOMER_NOT_FOUND"
    assert call("POST", "/customers/cus_x/credit-grants", MONEY).body["code"] == "CUSTOMER_NOT_FOUND"


def test_a_grant_rolls_over_is_topped_up_and_gets_a_threshold(call: Callable[..., Any], customer: str) -> None:
    renewing = {"renews": True, "renewal_interval": "Month", "renewal_count": 1, "rollover": "capped", "rollover_cap": 700}
    made = call("POST", f"/customers/{customer}/credit-grants", MONEY | renewing | {"low_balance_threshold": 100}).body
    address = f"/credit-grants/{made['id']}"

    topped = call("POST", f"{address}/top-up", {"amount": 250, "reason": "Sorry", "idempotency_key": "k"}).body
    again = call("POST", f"{address}/top-up", {"amount": 250, "reason": "Sorry", "idempotency_key": "k"}).body
    changed = call("PATCH", address, {"low_balance_threshold": None}).body

    assert (made["rollover"], made["rollover_cap"], made["low_balance_threshold"]) == ("capped", 700, 100)
    assert (topped["balance"], again["balance"], changed["low_balance_threshold"]) == (5250, 5250, None)
    assert [(one["kind"], one["amount"], one["reason"]) for one in again["entries"]] == [
        ("granted", 5000, None),
        ("topped_up", 250, "Sorry"),
    ]
    assert again["entries"][1]["created_by"].startswith("api_key:")
    assert call("PATCH", address, {"low_balance_threshold": -1}).body["code"] == "CREDIT_GRANT_INVALID"
    assert call("POST", f"{address}/top-up", {"amount": "5", "reason": "x"}).status == 422


def test_a_grant_shows_what_is_used_before_the_invoice_and_who_used_it_after(call: Callable[..., Any], db: None) -> None:
    acme, calls = making.customer(), making.meter("call")
    story.begin(acme, making.product(making.per_unit(calls)), "2026-01-01")
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=calls)
    story.use(acme, "call", "2026-01-10", times=30)

    live = call("GET", f"/credit-grants/{grant.public_id}").body
    story.bill("2026-02-02")
    issued = call("GET", f"/credit-grants/{grant.public_id}").body

    assert (live["balance"], live["entered_balance"]) == ("70", "100")
    assert [(one["entered_balance"], one["live_burn"], one["balance"]) for one in live["periods"]] == [("100", "30", "70")]
    assert (issued["balance"], issued["entered_balance"]) == ("70", "70")
    used = issued["entries"][1]
    invoice = Invoice.objects.get(point=1)
    line = invoice.lines.get()
    assert (used["kind"], used["amount"], used["invoice_id"], used["line_id"]) == (
        "burned",
        "-30",
        invoice.public_id,
        line.public_id,
    )
    assert (used["invoice_number"], used["line_description"]) == (invoice.number, "Call")
