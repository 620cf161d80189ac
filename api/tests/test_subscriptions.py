"""Subscriptions through HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import time_machine
from dodopayments import APIStatusError, DodoPayments
from dodopayments.types.subscription_preview_change_plan_response import ImmediateChargeLineItemSubscription

from customers.models import Customer
from invoices.models import Invoice
from products.models import Subscription
from products.tests import making

ADDRESS = {"country": "DE", "city": "Berlin", "zipcode": "10115", "street": "Allee 1", "state": "BE"}


def order(product: Any, **changes: Any) -> dict[str, Any]:
    customer = {"email": "ada@example.com", "name": "Ada"}
    return {"billing": ADDRESS, "customer": customer, "product_id": product.public_id, "quantity": 1, **changes}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client would rather have us use its checkout
@pytest.mark.django_db(transaction=True)
def test_the_client_subscribes_and_cancels(dodo: DodoPayments) -> None:
    meter = making.meter()
    product = making.product(making.per_unit(meter, "0.015", free_threshold=100), fee=4900)

    made = dodo.subscriptions.create(**order(product, metadata={"seat": 3}))
    read = dodo.subscriptions.retrieve(made.subscription_id)

    assert (made.recurring_pre_tax_amount, made.payment_id, made.customer.email) == (
        4900,
        Invoice.objects.get().public_id,
        "ada@example.com",
    )
    assert (read.status, read.currency, read.quantity, read.product_id) == ("active", "USD", 1, product.public_id)
    assert read.billing.to_dict() == ADDRESS
    assert [(m.meter_id, m.price_per_unit, m.free_threshold) for m in read.meters] == [(meter.public_id, "0.015", 100)]
    assert read.previous_billing_date < read.next_billing_date
    assert [s.subscription_id for s in dodo.subscriptions.list()] == [made.subscription_id]

    ending = dodo.subscriptions.update(made.subscription_id, cancel_at_next_billing_date=True, cancellation_feedback="unused")
    assert (ending.status, ending.cancel_at_next_billing_date, ending.cancellation_feedback) == ("active", True, "unused")
    kept = dodo.subscriptions.update(made.subscription_id, cancel_at_next_billing_date=False)
    assert kept.cancel_at_next_billing_date is False
    gone = dodo.subscriptions.update(made.subscription_id, status="cancelled")
    assert gone.status == "cancelled"
    with pytest.raises(APIStatusError, match="has ended"):
        dodo.subscriptions.update(made.subscription_id, status="cancelled")


def test_a_customer_is_found_by_id_external_id_or_e_mail(call: Callable[..., Any]) -> None:
    product = making.product()
    ada = making.customer(external_id="crm/1")

    def customer_of(choice: dict[str, str]) -> str:
        return call("POST", "/subscriptions", order(product, customer=choice)).body["customer"]["customer_id"]

    assert customer_of({"customer_id": ada.public_id}) == ada.public_id
    assert customer_of({"customer_id": "crm/1"}) == ada.public_id
    assert customer_of({"email": "ACME@example.com"}) == ada.public_id
    new = customer_of({"email": "new@example.com", "name": "New"})
    assert customer_of({"email": "new@example.com"}) == new
    assert Customer.objects.get(public_id=new).name == "New"


def test_nothing_is_kept_of_a_subscription_that_is_refused(call: Callable[..., Any]) -> None:
    product = making.product()

    reply = call("POST", "/subscriptions", order(product, billing_currency="EUR"))

    assert (reply.status, reply.body["code"]) == (400, "CURRENCY_MISMATCH")
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({"product_id": "pdt_x"}, 404, "PRODUCT_NOT_FOUND", "There is no product pdt_x."),
        ({"customer": {"customer_id": "cus_x"}}, 404, "CUSTOMER_NOT_FOUND", "There is no customer cus_x."),
        ({"customer": {}}, 422, "INVALID_FIELD", "`customer` must have a customer_id or an email."),
        ({"customer": {"email": "x"}}, 422, "INVALID_FIELD", "`customer.email` must be an e-mail address."),
        ({"quantity": 0}, 422, "INVALID_FIELD", "`quantity` must be a whole number >= 1."),
        ({"billing": {"city": "Berlin"}}, 422, "MISSING_FIELD", "`billing.country` is missing."),
        ({"discount_code": "SPRING"}, 400, "UNSUPPORTED_ACTION", "`discount_code` is not served here. Leave it out, or send null."),
        ({"on_demand": {"mandate_only": True}}, 400, "UNSUPPORTED_ACTION", "`on_demand` is not served here. Leave it out, or send null."),
        ({"payment_link": True}, 400, "UNSUPPORTED_ACTION", "`payment_link` is not served here. Leave it out, or send null."),
        ({"start_at": "yesterday"}, 422, "INVALID_FIELD", "`start_at` is not valid (invalid RFC3339 encoded datetime)."),
        ({"start_at": "0026-01-15T00:00:00Z"}, 422, "INVALID_FIELD", "`start_at` must lie within thirty years of now."),
        ({"start_at": "2026-01-15T00:00:00Z", "bill_from": "2026-02-16T00:00:00Z"}, 400, "BILL_FROM_NOT_A_BOUNDARY", "bill_from must be the start of the subscription or the end of one of its cycles."),  # noqa: E501
    ],
)  # fmt: skip
def test_refuses_bad_subscriptions(call: Callable[..., Any], changes: Any, status: int, code: str, message: str) -> None:
    product = making.product()

    reply = call("POST", "/subscriptions", order(product, **changes))

    assert (reply.status, reply.body["code"], reply.body["message"]) == (status, code, message)
    assert not Subscription.objects.exists()


@time_machine.travel(datetime(2026, 3, 20, 12, tzinfo=UTC), tick=False)
def test_shows_the_running_cycle_of_an_old_subscription(call: Callable[..., Any]) -> None:
    product = making.product(fee=100)

    made = call("POST", "/subscriptions", order(product, start_at="2026-01-31T09:30:00Z", bill_from="2026-02-28T00:00:00Z")).body
    read = call("GET", f"/subscriptions/{made['subscription_id']}").body

    assert (read["previous_billing_date"], read["next_billing_date"]) == ("2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z")
    assert (read["start_at"], read["bill_from"]) == ("2026-01-31T09:30:00Z", "2026-02-28T00:00:00Z")


@time_machine.travel(datetime(2026, 3, 20, 12, tzinfo=UTC), tick=False)
def test_lists_filter_by_status_as_the_clock_makes_it(call: Callable[..., Any]) -> None:
    product = making.product(life=("Month", 1))
    starts = {"pending": "2026-04-01T00:00:00Z", "active": "2026-03-01T00:00:00Z", "expired": "2026-01-01T00:00:00Z"}
    ids = {
        status: call("POST", "/subscriptions", order(product, start_at=start)).body["subscription_id"]
        for status, start in starts.items()
    }
    ids["cancelled"] = call("POST", "/subscriptions", order(product)).body["subscription_id"]
    call("PATCH", f"/subscriptions/{ids['cancelled']}", {"status": "cancelled"})

    for status in ("pending", "active", "expired", "cancelled", "paused", "on_hold"):
        found = call("GET", f"/subscriptions?status={status}").body["items"]

        assert [one["subscription_id"] for one in found] == [ids[status]] if status in ids else found == []
        assert {one["status"] for one in found} <= {status}


def test_lists_filter(call: Callable[..., Any]) -> None:
    first, second = making.product(name="A"), making.product(name="B")
    ada, bob = making.customer(), making.customer(external_id="bob")
    for product, customer in [(first, ada), (second, ada), (second, bob)]:
        call("POST", "/subscriptions", order(product, customer={"customer_id": customer.public_id}))

    def count(query: str) -> int:
        return len(call("GET", f"/subscriptions?{query}").body["items"])

    assert count(f"customer_id={ada.public_id}") == 2
    assert count(f"customer_id=bob&product_id={second.public_id}") == 1
    assert count(f"product_id={first.public_id}&cancel_at_next_billing_date=true") == 0
    assert count("created_at_gte=2999-01-01T00:00:00") == 0
    assert count("brand_id=brd_other") == 0


@time_machine.travel(datetime(2026, 3, 20, 12, tzinfo=UTC), tick=False)
def test_moves_the_next_billing_date_and_amends(call: Callable[..., Any]) -> None:
    made = call("POST", "/subscriptions", order(making.product())).body["subscription_id"]

    changes = {"next_billing_date": "2026-04-05T15:00:00Z", "metadata": {"a": 1}, "tax_id": "DE1", "billing": {"country": "FR"}}
    read = call("PATCH", f"/subscriptions/{made}", changes).body

    assert (read["next_billing_date"], read["metadata"], read["tax_id"]) == ("2026-04-05T00:00:00Z", {"a": 1}, "DE1")
    assert read["billing"] == {"country": "FR", "street": None, "city": None, "state": None, "zipcode": None}


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/Los_Angeles"])
@pytest.mark.parametrize(
    ("date", "code"),
    [("9999-12-31T23:59:59Z", "NEXT_BILLING_DATE_TOO_FAR"), ("0001-01-01T00:00:00Z", "NEXT_BILLING_DATE_NOT_IN_FUTURE")],
)
def test_refuses_a_billing_date_at_the_ends_of_the_calendar(
    call: Callable[..., Any], settings: Any, zone: str, date: str, code: str
) -> None:
    settings.BILLING_TIME_ZONE = zone
    made = call("POST", "/subscriptions", order(making.product())).body["subscription_id"]

    refused = call("PATCH", f"/subscriptions/{made}", {"next_billing_date": date})

    assert (refused.status, refused.body["code"], refused.body["field"]) == (400, code, "next_billing_date")


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"status": "on_hold"}, "status"), ({"pause": True}, "pause"), ({"customer_name": "x"}, "customer_name")],
)
def test_refuses_changes_that_are_not_served(call: Callable[..., Any], changes: Any, field: str) -> None:
    made = call("POST", "/subscriptions", order(making.product())).body["subscription_id"]

    reply = call("PATCH", f"/subscriptions/{made}", changes)

    assert (reply.status, reply.body["code"], reply.body["field"]) == (400, "UNSUPPORTED_ACTION", field)


@pytest.mark.django_db(transaction=True)
def test_the_client_changes_the_plan(dodo: DodoPayments) -> None:
    meter = making.meter()
    old = making.product(making.per_unit(meter, "2"), fee=3000, name="Old")
    new = making.product(making.per_unit(meter, "3"), fee=6000, name="New")
    start = datetime.now(UTC) - timedelta(days=3)
    body: dict[str, Any] = order(old, start_at=start.isoformat())
    made = cast(Any, dodo.post("/subscriptions", body=body, cast_to=object))["subscription_id"]
    wanted: dict[str, Any] = {
        "product_id": new.public_id,
        "quantity": 2,
        "proration_billing_mode": "prorated_immediately_keep_cycle",
    }

    seen = dodo.subscriptions.preview_change_plan(made, **wanted)
    assert dodo.subscriptions.retrieve(made).product_id == old.public_id  # nothing was written
    assert (seen.new_plan.product_id, seen.new_plan.quantity) == (new.public_id, 2)
    back, fee, usage = seen.immediate_charge.line_items
    assert isinstance(back, ImmediateChargeLineItemSubscription)
    assert isinstance(fee, ImmediateChargeLineItemSubscription)
    assert (back.product_id, back.quantity, back.unit_price, back.proration_factor < 0) == (old.public_id, 1, 3000, True)
    assert (fee.product_id, fee.quantity, fee.unit_price, fee.proration_factor) == (
        new.public_id,
        2,
        6000,
        -back.proration_factor,
    )
    assert usage.type == "meter"
    assert seen.immediate_charge.summary.total_amount > 0

    later = dodo.subscriptions.change_plan(made, effective_at="next_billing_date", **wanted)
    coming = dodo.subscriptions.retrieve(made).scheduled_change
    assert later.payment_id is None
    assert coming is not None
    assert (coming.product_id, coming.quantity) == (new.public_id, 2)
    with pytest.raises(APIStatusError, match="take it back") as refused:
        dodo.subscriptions.change_plan(made, **wanted)
    assert refused.value.status_code == 409
    dodo.subscriptions.cancel_change_plan(made)
    assert dodo.subscriptions.retrieve(made).scheduled_change is None

    changed = dodo.subscriptions.change_plan(made, **wanted)
    assert changed.payment_id == Invoice.objects.get(point=1).public_id
    assert dodo.subscriptions.retrieve(made).recurring_pre_tax_amount == 12000

    assert dodo.subscriptions.update(made, status="paused").paused_at is not None
    with pytest.raises(APIStatusError, match="stands alone"):
        dodo.subscriptions.update(made, status="active", tax_id="DE1")
    assert dodo.subscriptions.update(made, status="active").status == "active"
    gone = dodo.subscriptions.update(made, status="cancelled", extra_body={"prorate": True})
    assert gone.status == "cancelled"
    assert Invoice.objects.get(kind="final").point == 2
