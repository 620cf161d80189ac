"""Customers through HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from dodopayments import DodoPayments

from customers.models import Customer


@pytest.mark.django_db(transaction=True)
def test_the_client_creates_retrieves_and_changes_customers(dodo: DodoPayments) -> None:
    made = dodo.customers.create(email="ada@example.com", name="Ada", metadata={"plan": "pro"}, phone_number="+44 1")
    changed = dodo.customers.update(made.customer_id, name="Ada Lovelace")
    read = dodo.customers.retrieve(made.customer_id)

    assert read == changed
    assert (read.name, read.email, read.phone_number, read.metadata) == (
        "Ada Lovelace",
        "ada@example.com",
        "+44 1",
        {"plan": "pro"},
    )
    assert made.customer_id.startswith("cus_")
    assert made.business_id.startswith("bus_")


@pytest.mark.django_db(transaction=True)
def test_iterating_yields_each_customer_once_while_others_arrive(dodo: DodoPayments) -> None:
    for n in range(45):
        dodo.customers.create(email=f"c{n}@example.com", name=f"Customer {n}")

    seen = []
    for place, customer in enumerate(dodo.customers.list(page_size=10)):
        seen.append(customer.name)
        if place % 7 == 0:
            dodo.customers.create(email="late@example.com", name=f"Late {place}")

    assert seen == [f"Customer {n}" for n in reversed(range(45))]


def test_pages_count_from_zero_and_a_call_without_number_answers_two(call: Callable[..., Any]) -> None:
    for n in range(5):
        call("POST", "/customers", {"email": f"c{n}@example.com", "name": f"c{n}"})

    def names(query: str) -> list[str]:
        return [item["name"] for item in call("GET", f"/customers?{query}").body["items"]]

    assert names("page_size=2") == ["c4", "c3", "c2", "c1"]
    assert names("page_size=2&page_number=0") == ["c4", "c3"]
    assert names("page_size=2&page_number=1") == ["c2", "c1"]
    assert names("page_size=2&page_number=2") == ["c0"]
    assert names("page_size=2&page_number=3") == []
    assert names("page_size=1&page_number=4") == ["c0"]
    for text in ("1e3", "1.0"):
        refused = call("GET", f"/customers?page_number={text}")
        assert (refused.status, refused.body["code"], refused.body["field"]) == (422, "WRONG_TYPE", "page_number")


def test_where_a_list_goes_on_is_remembered_for_its_key_alone(call: Callable[..., Any]) -> None:
    def name_of(page: int, scope: str) -> str:
        return call("GET", f"/customers?page_size=1&page_number={page}", scope=scope).body["items"][0]["name"]

    for name in "abc":
        call("POST", "/customers", {"name": name, "email": "x@x.com"})
    first = name_of(0, "write")
    call("POST", "/customers", {"name": "d", "email": "x@x.com"})

    assert (first, name_of(1, "write"), name_of(1, "read")) == ("c", "b", "c")


def test_lists_filter(call: Callable[..., Any]) -> None:
    for email, name in [("a@x.com", "Acme"), ("A@x.com", "Apex"), ("b@x.com", "Acme two")]:
        call("POST", "/customers", {"email": email, "name": name})

    def names(query: str) -> list[str]:
        return [item["name"] for item in call("GET", f"/customers?{query}").body["items"]]

    assert names("email=a@x.com") == ["Apex", "Acme"]
    assert names("name=acme") == ["Acme two", "Acme"]
    assert names("created_at_gte=2999-01-01T00:00:00Z") == []
    assert names("created_at_lte=2999-01-01T00:00:00Z&name=apex") == ["Apex"]
    assert names("archived=true") == []


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "today", "2026"]
)
def test_refuses_times_outside_the_calendar(call: Callable[..., Any], instant: str) -> None:
    assert call("GET", f"/customers?created_at_gte={instant}").status == 422


def test_external_id_stands_for_the_customer(call: Callable[..., Any]) -> None:
    made = call("POST", "/customers", {"email": "a@x.com", "name": "A", "external_id": "crm/42"}).body

    assert call("GET", "/customers/crm%2F42").body == made
    assert call("PATCH", "/customers/crm%2F42", {"external_id": None}).body["external_id"] is None
    assert call("GET", "/customers/crm%2F42").body["code"] == "CUSTOMER_NOT_FOUND"


@pytest.mark.parametrize(
    ("content", "status", "code", "message"),
    [
        ({"name": "A"}, 422, "MISSING_FIELD", "`email` is missing."),
        ({"name": "A", "email": "nobody"}, 422, "INVALID_FIELD", "`email` must be an e-mail address."),
        ({"name": "", "email": "a@x.com"}, 422, "INVALID_FIELD", "`name` must be a string of length >= 1."),
        ({"name": "A", "email": "a@x.com", "preferred_locale": "xx"}, 422, "INVALID_FIELD", "`preferred_locale` does not know 'xx'."),
        ({"name": "A", "email": "a@x.com", "metadata": {"a": [1]}}, 422, "INVALID_FIELD", "`metadata.a` must be a string, a number or a boolean."),  # noqa: E501
        ({"name": "A", "email": "a@x.com", "tax_rate": "1.5"}, 422, "INVALID_FIELD", "`tax_rate` must lie between 0 and 1, with at most 6 decimals."),  # noqa: E501
        ({"name": "A", "email": "a@x.com", "address": {"country": "US\n"}}, 422, "INVALID_FIELD", "`address.country` must be a string of length <= 2."),  # noqa: E501
        ({"name": "A", "email": "a@x.com", "external_id": "cus_1"}, 400, "EXTERNAL_ID_RESERVED", "`external_id` must not begin with cus_, as our own ids do."),  # noqa: E501
        ({"name": "A", "email": "a@x.com", "vat": "x"}, 400, "UNSUPPORTED_ACTION", "`vat` is not served here. Leave it out, or send null."),
    ],
)  # fmt: skip
def test_refuses_bad_customers(call: Callable[..., Any], content: Any, status: int, code: str, message: str) -> None:
    reply = call("POST", "/customers", content)

    assert (reply.status, reply.body["code"], reply.body["message"]) == (status, code, message)
    assert not Customer.objects.exists()


def test_refuses_an_external_id_that_is_taken(call: Callable[..., Any]) -> None:
    holder = call("POST", "/customers", {"email": "a@x.com", "name": "A", "external_id": "7"}).body
    reply = call("POST", "/customers", {"email": "b@x.com", "name": "B", "external_id": "7"})

    assert reply.status == 409
    assert reply.body["message"] == f"Customer {holder['customer_id']} already has this external_id."
    assert reply.headers["x-should-retry"] == "false"


def test_metadata_keeps_numbers_exact(call: Callable[..., Any]) -> None:
    raw = b'{"email": "a@x.com", "name": "A", "metadata": {"ratio": 0.1, "big": 12345678901234567890.123456789012345678, "yes": true}}'
    customer_id = call("POST", "/customers", raw=raw).body["customer_id"]

    stored = Customer.objects.get(public_id=customer_id).metadata
    assert {name: str(number) for name, number in stored.items()} == {
        "ratio": "0.1",
        "big": "12345678901234567890.123456789012345678",
        "yes": "True",
    }
