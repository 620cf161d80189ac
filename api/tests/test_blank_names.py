"""What nobody could read, or would mean everybody, is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from api.tests.test_products import product
from customers.models import Customer
from jobs.models import Job
from products.tests import making

METER = {"name": " ", "event_name": "call", "measurement_unit": "calls", "aggregation": {"type": "count"}}
MONEY = {"kind": "money", "currency": "USD", "amount": 5, "effective_at": "2026-01-01T00:00:00Z", "name": "\u2003"}


@pytest.mark.django_db
def test_names_of_spaces_alone_are_refused_and_rows_that_have_one_stay(call: Callable[..., Any]) -> None:
    Customer.objects.filter(id=making.customer("Old").id).update(name=" ")
    old = Customer.objects.get()
    sold = call("POST", "/products", product()).body["product_id"]

    answers = [
        call("POST", "/customers", {"name": " ", "email": "a@example.com"}),
        call("PATCH", f"/customers/{old.public_id}", {"name": "\t"}),
        call("POST", "/products", product(name="  ")),
        call("PATCH", f"/products/{sold}", {"name": " "}),
        call("POST", f"/customers/{old.public_id}/credit-grants", MONEY),
        call("POST", "/meters", METER),
        call("POST", "/meters", METER | {"name": "\u200b"}),
    ]

    assert [(one.status, one.body["code"]) for one in answers] == [(400, "NAME_BLANK")] * 5 + [(400, "INVALID_METER")] * 2
    assert {one.body["field"] for one in answers} == {"name"}
    assert call("PATCH", f"/customers/{old.public_id}", {"phone_number": "1"}).body["name"] == " "
    assert Customer.objects.count() == 1


@pytest.mark.django_db
def test_an_empty_id_is_refused_where_it_would_mean_everybody(call: Callable[..., Any]) -> None:
    for name in ("customer_id", "subscription_id"):
        at_once = call("GET", f"/invoices/export?{name}=")
        as_job = call("POST", "/invoices/exports", {name: ""})

        assert [(one.status, one.body["field"]) for one in (at_once, as_job)] == [(422, name)] * 2
    assert call("GET", "/invoices?customer_id=").body == {"items": []}
    assert not Job.objects.exists()
