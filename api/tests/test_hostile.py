"""Whatever stands in a field, the answer is a success or a clean refusal: never a 500, never another shape."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.tests.test_grants import MONEY
from api.tests.test_meters import NESTED, meter
from api.tests.test_products import product, usage_price
from api.tests.test_subscriptions import order
from products.tests import making

HOSTILE = [
    None, True, -1, 2**63, 10**400, 1.5, "", "x" * 20_000, "\ud800", "é\u0000", "1e5", [], {}, [None], {"a": {"b": 1}}, "9999-12-31T23:59:59-14:00",  # noqa: E501
]  # fmt: skip
TEXTS = [
    "0",
    "-1",
    "99999999999999999999",
    "x" * 2000,
    "%00",
    "%FF",
    "%ED%A0%80",
    "true",
    "metadata.",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
]
NAMES = ["page_number", "page_size", "customer_id", "meter_id", "event_name", "start", "end", "status", "email", "created_at_gte", "period_start",  # noqa: E501
         "window", "time_zone", "group_by", "top", "format", "archived"]  # fmt: skip


def mutants(content: Any) -> Iterator[Any]:
    """Put each hostile text, number and shape into each place of a body, and leave each place out."""
    for path in places(content):
        for hostile in HOSTILE:
            yield changed(content, path, hostile)
        yield changed(content, path, KeyError)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, part in pairs:
        yield from places(part, (*path, name))


def changed(content: Any, path: tuple[Any, ...], hostile: Any) -> Any:
    if not path:
        return None if hostile is KeyError else hostile
    made = copy.deepcopy(content)
    parent = made
    for name in path[:-1]:
        parent = parent[name]
    if hostile is KeyError:
        del parent[path[-1]]
    else:
        parent[path[-1]] = hostile
    return made


@pytest.fixture
def bodies(db: None) -> dict[tuple[str, str], Any]:
    """A good body for every address that takes one."""
    made, customer = making.meter("call"), making.customer()
    price = making.product(making.per_unit(made))
    tiers = [{"up_to": "9", "unit_price": "2", "flat_amount": 5}, {"up_to": None, "unit_price": "1"}]
    other = making.meter("mail").public_id
    metered = usage_price(
        {"meter_id": made.public_id, "price_per_unit": "1.5", "free_threshold": 3, "minimum_amount": 1, "maximum_amount": 2},
        {"meter_id": other, "price_model": "graduated", "tiers": tiers},
    )
    person = {
        "email": "a@x.com", "name": "A", "metadata": {"k": 1}, "external_id": "7", "tax_rate": "0.19", "payment_terms_days": 3,
        "address": {"country": "DE", "city": "B"}, "preferred_locale": "de", "phone_number": "1", "tax_id": "t",
    }  # fmt: skip
    start = {
        "start_at": "2026-01-01T00:00:00Z",
        "bill_from": "2026-02-01T00:00:00Z",
        "trial_period_days": 3,
        "metadata": {"a": "b"},
    }
    units = {
        "kind": "units",
        "meter_id": made.public_id,
        "amount": "5",
        "effective_at": "2026-01-01T00:00:00Z",
        "expires_at": "2027-01-01T00:00:00Z",
    }
    renewing = MONEY | {
        "renews": True,
        "renewal_interval": "Month",
        "renewal_count": 1,
        "priority": 1,
        "name": "n",
        "metadata": {},
    }
    return {
        ("POST", "/customers"): person,
        ("PATCH", f"/customers/{customer.public_id}"): person,
        ("POST", "/meters"): meter(filter=NESTED, description="d", aggregation={"type": "sum", "key": "k"}),
        ("PATCH", f"/meters/{made.public_id}"): {"name": "n", "description": "d", "measurement_unit": "u"},
        ("POST", "/products"): product(price=metered, metadata={"a": 1}, description="d"),
        ("PATCH", f"/products/{price.public_id}"): product(price=metered),
        ("POST", "/subscriptions"): order(price, **start),
        ("POST", f"/customers/{customer.public_id}/credit-grants"): units,
        ("POST", f"/customers/{customer.public_id}/credit-grants?"): renewing,
    }


def test_no_body_makes_a_500(call: Callable[..., Any], bodies: dict[tuple[str, str], Any]) -> None:
    seen = set()
    for (method, address), content in bodies.items():
        for mutant in mutants(content):
            reply = call(method, address, raw=json.dumps(mutant).encode())

            seen.add(reply.status)
            assert reply.status < 500, (method, address, mutant, reply.body)
            if reply.status >= 400:
                assert set(reply.body) - {"field"} == {"code", "message"}
                assert reply.body["message"].endswith("."), reply.body
    assert seen <= {200, 201, 400, 404, 409, 410, 422}


def test_no_query_makes_a_500(call: Callable[..., Any], db: None) -> None:
    usage = f"/meters/{making.meter().public_id}/usage?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"
    for address in ("/customers", "/events", "/products", "/subscriptions", "/invoices", "/invoices/export", usage):
        for name, text in itertools.product(NAMES, TEXTS):
            reply = call("GET", f"{address}{'&' if '?' in address else '?'}{name}={text}")

            assert reply.status < 500, (address, name, text, reply.body)
            if reply.status >= 400:
                assert {"code", "message"} <= set(reply.body)
