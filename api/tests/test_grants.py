"""Credit grants through HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from credits.models import CreditGrant
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
