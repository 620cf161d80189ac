"""A list costs the same number of statements however long it is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.tests.test_subscriptions import order
from products.tests import making


def add(call: Callable[..., Any], number: int, customer: str) -> None:
    """Add one of everything that lists show."""
    meter = making.meter(f"call{number}")
    product = making.product(making.per_unit(meter), fee=100, name=f"P{number}")
    assert call("POST", "/subscriptions", order(product, customer={"customer_id": customer})).status == 200
    assert call("POST", f"/customers/{customer}/credit-grants", {"kind": "money", "currency": "USD", "amount": 5}).status == 201
    making.customer(name=f"C{number}")


@pytest.mark.parametrize(
    "address",
    [
        "/customers",
        "/meters",
        "/products",
        "/subscriptions",
        "/invoices",
        "/customers/{id}/credit-grants",
        "/credit-entitlements",
    ],
)
def test_lists_cost_a_fixed_number_of_statements(call: Callable[..., Any], address: str) -> None:
    customer = making.customer(external_id="7").public_id

    def cost() -> int:
        return min(once(), once())  # what a process remembers of a key may just have expired

    def once() -> int:
        with CaptureQueriesContext(
            connection,
        ) as statements:
            reply = call("GET", address.format(id=customer))
        assert reply.status == 200
        assert reply.body["items"]
        return len(statements)

    add(call, 1, customer)
    one = cost()
    for number in range(2, 6):
        add(call, number, customer)

    assert cost() == one
    assert one <= 30
