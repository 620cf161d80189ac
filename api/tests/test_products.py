"""Products through HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from dodopayments import APIStatusError, DodoPayments

from products.models import Product
from products.tests import making

MONTHLY = {
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 10,
    "subscription_period_interval": "Year",
}


def usage_price(*meters: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"type": "usage_based_price", "currency": "USD", "fixed_price": 4900, "meters": list(meters), **MONTHLY, **changes}


def product(**changes: Any) -> dict[str, Any]:
    return {"name": "P", "tax_category": "saas", "price": usage_price(), **changes}


@pytest.mark.django_db(transaction=True)
def test_the_client_sells_products_of_every_kind(dodo: DodoPayments) -> None:
    meter = making.meter("call")
    terms = {"discount": 0, "purchasing_power_parity": False}

    usage = dodo.products.create(
        name="Metered",
        tax_category="saas",
        description="By use",
        metadata={"tier": 2},
        price={**usage_price({"meter_id": meter.public_id, "price_per_unit": "0.015", "free_threshold": 100}), **terms},  # type: ignore[typeddict-item]
    )
    recurring = dodo.products.create(
        name="Flat", tax_category="saas", price={"type": "recurring_price", "currency": "JPY", "price": 1200, **MONTHLY, **terms}
    )
    once = dodo.products.create(
        name="Set-up", tax_category="saas", price={"type": "one_time_price", "currency": "EUR", "price": 5000, **terms}
    )

    read = dodo.products.retrieve(usage.product_id)
    assert read == usage
    assert read.price.type == "usage_based_price"
    assert read.price.fixed_price == 4900
    assert [(m.meter_id, m.price_per_unit, m.free_threshold) for m in read.price.meters or ()] == [
        (meter.public_id, "0.015", 100)
    ]
    assert (read.is_recurring, recurring.is_recurring, once.is_recurring) == (True, True, False)
    assert [p.name for p in dodo.products.list()] == ["Set-up", "Flat", "Metered"]
    assert [p.name for p in dodo.products.list(recurring=False)] == ["Set-up"]
    assert [(p.price, p.currency) for p in dodo.products.list(recurring=True)] == [(1200, "JPY"), (4900, "USD")]


@pytest.mark.django_db(transaction=True)
def test_the_client_changes_and_archives_products(dodo: DodoPayments) -> None:
    made = dodo.products.create(**product())

    dodo.products.update(made.product_id, name="Q", price=usage_price(fixed_price=5900))
    changed = dodo.products.retrieve(made.product_id)
    dodo.products.archive(made.product_id)

    assert (changed.name, changed.price.fixed_price) == ("Q", 5900)
    assert list(dodo.products.list()) == []
    assert [p.name for p in dodo.products.list(archived=True)] == ["Q"]
    with pytest.raises(APIStatusError) as caught:
        dodo.products.archive(made.product_id)
    assert (caught.value.status_code, caught.value.body["code"]) == (410, "PRODUCT_ALREADY_ARCHIVED")  # type: ignore[index]

    dodo.products.unarchive(made.product_id)
    assert [p.name for p in dodo.products.list()] == ["Q"]


def test_shows_tiers_packages_and_bounds(call: Callable[..., Any], db: None) -> None:
    meters = [making.meter(name).public_id for name in ("a", "b")]
    tiers = [
        {"up_to": "1000.5", "unit_price": "0.5", "flat_amount": 100},
        {"up_to": None, "unit_price": "0.000000000001", "flat_amount": 0},
    ]
    price = usage_price(
        {"meter_id": meters[0], "price_model": "graduated", "tiers": tiers, "minimum_amount": 100, "maximum_amount": 900},
        {"meter_id": meters[1], "price_model": "package", "price_per_unit": "250", "package_size": "1000", "display_per": 1000},
    )

    made = call("POST", "/products", product(price=price)).body

    first, second = made["price"]["meters"]
    assert (first["tiers"], first["minimum_amount"], first["maximum_amount"], first["price_per_unit"]) == (tiers, 100, 900, None)
    assert (second["package_size"], second["price_per_unit"], second["display_per"]) == ("1000", "250", 1000)


@pytest.mark.parametrize(
    ("content", "status", "code", "message"),
    [
        (product(price=usage_price(type="other")), 422, "INVALID_FIELD", "`price.type` does not know 'other'."),
        (product(price=None), 422, "WRONG_TYPE", "`price` must not be null; it must be an object."),
        (product(price=usage_price(fixed_price="1")), 422, "WRONG_TYPE", "`price.fixed_price` must be a whole number, not a string."),
        (product(price=usage_price(fixed_price=-1)), 422, "INVALID_FIELD", "`price.fixed_price` must be a whole number >= 0."),
        (product(price=usage_price(currency="usd")), 422, "INVALID_FIELD", "`price.currency` must be an ISO 4217 currency code, such as USD."),  # noqa: E501
        (product(price=usage_price(discount=5)), 400, "UNSUPPORTED_ACTION", "`price.discount` is not served here. Leave it out, or send null."),  # noqa: E501
        (product(price=usage_price(purchasing_power_parity=True)), 400, "UNSUPPORTED_ACTION", "`price.purchasing_power_parity` is not served here. Leave it out, or send null."),  # noqa: E501
        (product(addons=["x"]), 400, "UNSUPPORTED_ACTION", "`addons` is not served here. Leave it out, or send null."),
        (product(license_key_enabled=True), 400, "UNSUPPORTED_ACTION", "`license_key_enabled` is not served here. Leave it out, or send null."),  # noqa: E501
        (product(brand_id="brd_other"), 400, "UNSUPPORTED_ACTION", "`brand_id` is not served here. Leave it out, or send null."),
        (product(tax_category="food"), 422, "INVALID_FIELD", "`tax_category` does not know 'food'."),
        (product(price=usage_price({"meter_id": "mtr_x"})), 422, "INVALID_FIELD", "`price.meters[0].price_per_unit` is missing."),
        (product(price=usage_price({"meter_id": "mtr_x", "price_per_unit": 1.5})), 422, "WRONG_TYPE", "`price.meters[0].price_per_unit` must be a string or null, not a fraction."),  # noqa: E501
        (product(price=usage_price({"meter_id": "mtr_x", "price_per_unit": "0.00"})), 422, "INVALID_FIELD", "`price.meters[0].price_per_unit` must be greater than zero."),  # noqa: E501
        (product(price=usage_price({"meter_id": "mtr_x", "price_per_unit": "1"})), 400, "MISSING_METER_IDS", "There is no meter mtr_x."),
        (product(price=usage_price(*[{"meter_id": "mtr_x", "price_per_unit": "1"}] * 2)), 400, "DUPLICATE_METER_IDS_IN_REQUEST", "A meter stands twice in the price."),  # noqa: E501
        (product(price=usage_price(*[{"meter_id": f"mtr_{n}", "price_per_unit": "1"} for n in range(11)])), 400, "TOO_MANY_METERS", "A price has at most 10 meters, not 11."),  # noqa: E501
        (product(price=usage_price({"meter_id": "mtr_x", "price_per_unit": "1", "credit_entitlement_id": "cde_1"})), 400, "UNSUPPORTED_ACTION", "`price.meters[0].credit_entitlement_id` is not served here. Leave it out, or send null."),  # noqa: E501
    ],
)  # fmt: skip
def test_refuses_bad_products(call: Callable[..., Any], content: Any, status: int, code: str, message: str) -> None:
    reply = call("POST", "/products", content)

    assert (reply.status, reply.body["code"], reply.body["message"]) == (status, code, message)
    assert not Product.objects.exists()


@pytest.mark.parametrize("text", ["100000", "1.0000000000001", "-1", "1e3", ".5", "1.", "", " 1", "１"])
def test_refuses_unit_prices_that_are_no_plain_decimals(call: Callable[..., Any], text: str) -> None:
    reply = call("POST", "/products", product(price=usage_price({"meter_id": "mtr_x", "price_per_unit": text})))

    assert (reply.status, reply.body["field"]) == (422, "price.meters[0].price_per_unit")


def test_an_unknown_product_is_not_found(call: Callable[..., Any]) -> None:
    for method, address in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/unarchive")]:
        reply = call(method, f"/products/pdt_x{address}")

        assert (reply.status, reply.body) == (404, {"code": "PRODUCT_NOT_FOUND", "message": "There is no product pdt_x."})


def test_unarchiving_what_is_not_archived_is_refused(call: Callable[..., Any]) -> None:
    made = call("POST", "/products", product()).body

    assert call("POST", f"/products/{made['product_id']}/unarchive").body["code"] == "PRODUCT_NOT_ARCHIVED"


def test_a_product_grants_credits_to_its_subscribers(call: Callable[..., Any]) -> None:
    meter = making.meter()
    price = {
        "type": "recurring_price", "currency": "USD", "price": 100, "payment_frequency_count": 1, "payment_frequency_interval": "Month",
        "subscription_period_count": 1, "subscription_period_interval": "Year",
    }  # fmt: skip
    units = {"kind": "units", "meter_id": meter.public_id, "amount": "12.5", "rollover": "all", "name": "Included"}
    product = call("POST", "/products", {"name": "Pro", "tax_category": "saas", "price": price, "credits": [units]}).body
    assert product["credits"] == [{**units, "currency": None, "applies_to": "usage", "priority": 100, "rollover_cap": None}]

    subscription = {
        "billing": {"country": "DE"},
        "customer": {"email": "a@example.com"},
        "product_id": product["product_id"],
        "quantity": 1,
    }
    customer = call("POST", "/subscriptions", subscription).body["customer"]["customer_id"]
    (grant,) = call("GET", f"/customers/{customer}/credit-grants").body["items"]
    assert (grant["amount"], grant["balance"], grant["renews"], grant["name"]) == ("12.5", "12.5", True, "Included")

    changed = call("PATCH", f"/products/{product['product_id']}", {"credits": []}).body
    assert (changed["credits"], changed["price"]["price"]) == ([], 100)
    wrong = call(
        "PATCH", f"/products/{product['product_id']}", {"credits": [{"kind": "money", "currency": "USD", "amount": "5"}]}
    )
    assert (wrong.status, wrong.body["field"]) == (422, "credits[0].amount")


@pytest.mark.parametrize("part", ["amount", "rollover_cap"])
def test_no_credit_of_a_product_is_beyond_counting(call: Callable[..., Any], part: str) -> None:
    credit = {"kind": "money", "currency": "USD", "amount": 5, "rollover": "capped", "rollover_cap": 5, part: 10**300}

    refused = call("POST", "/products", product(credits=[credit]))

    assert (refused.status, refused.body["field"]) == (422, f"credits[0].{part}")
    assert refused.body["message"].endswith("of money must be a whole number of minor units, at most 10^15.")


def test_more_credits_than_any_product_has_are_not_looked_at(
    call: Callable[..., Any], django_assert_max_num_queries: Any
) -> None:
    credits = [{"kind": "units", "amount": "1", "meter_id": "mtr_x"}] * 101

    with django_assert_max_num_queries(3):
        refused = call("POST", "/products", product(credits=credits))

    assert (refused.status, refused.body["field"]) == (422, "credits")
