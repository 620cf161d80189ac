"""A list asks the database as often for many rows as for a few."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.tests import making

LISTS = ("/customers", "/meters", "/products", "/subscriptions", "/invoices", "/events")


def make_another(call: Callable[..., Any], number: int) -> None:
    meter = making.meter(f"call-{number}")
    product = making.product(making.per_unit(meter, "0.015"), fee=4900)
    billing = {"country": "DE", "city": "Berlin", "zipcode": "10115", "street": "Allee 1", "state": "BE"}
    order = {"billing": billing, "customer": {"email": f"c{number}@example.com", "name": "C"}, "quantity": 1}
    made = call("POST", "/subscriptions", order | {"product_id": product.public_id})
    customer = made.body["customer"]["customer_id"]
    event = {"event_id": f"e{number}", "customer_id": customer, "event_name": f"call-{number}"}
    assert call("POST", "/events/ingest", {"events": [event]}).status == 200


def asked(call: Callable[..., Any], address: str) -> tuple[int, int]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        items = call("GET", f"{address}?page_size=100&page_number=0").body["items"]
    return len(items), len(queries)


@pytest.mark.django_db(transaction=True)
def test_a_list_asks_as_often_for_many_rows_as_for_a_few(call: Callable[..., Any]) -> None:
    make_another(call, 0)
    few = {address: asked(call, address) for address in LISTS}
    for number in range(1, 4):
        make_another(call, number)
    many = {address: asked(call, address) for address in LISTS}

    assert {rows for rows, _ in few.values()} == {1}
    assert {rows for rows, _ in many.values()} == {4}
    assert {address: queries for address, (_, queries) in many.items()} == {a: queries for a, (_, queries) in few.items()}
