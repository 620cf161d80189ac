"""A year of one customer through HTTP and run_billing: a change of product, a void, a pause, credits, late events, an end.

Every amount by hand.

Basic costs 3000 a month and 2 a call after 100, and grants 50 calls; Scale 6000, 1 a call after 100, and grants 100. Tax is 10 %.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from dodopayments import DodoPayments

from tests.scenarios.test_story import ADDRESS, bill, calls, clock, dodo, ingest, ours, totals  # noqa: F401 -- two are fixtures

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),  # the client would rather have us use its checkout
]


def at(month: int, day: int, hour: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def sold(dodo: DodoPayments, name: str, meter: str, *, fee: int, price: str, credit: str) -> str:  # noqa: F811
    terms = {
        "type": "usage_based_price",
        "currency": "USD",
        "fixed_price": fee,
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": 10,
        "subscription_period_interval": "Year",
        "meters": [{"meter_id": meter, "price_per_unit": price, "free_threshold": 100}],
    }
    units = {"kind": "units", "meter_id": meter, "amount": credit}
    body = {"name": name, "tax_category": "saas", "price": terms, "credits": [units]}
    made: str = ours(dodo, "post", "/products", body)["product_id"]
    return made


def use(dodo: DodoPayments, clock: Any, customer: str, when: datetime, count: int) -> None:  # noqa: F811
    clock.move_to(when)
    assert ingest(dodo, calls(f"{when:%m%d}", customer, when, count)) == (count, 0)


def amounts(invoice: Any) -> list[tuple[str, int]]:
    return [(line["description"], line["amount"]) for line in invoice["lines"]]


def test_a_year_of_a_customer(dodo: DodoPayments, clock: Any) -> None:  # noqa: F811
    clock.move_to(at(1, 1))
    meter = dodo.meters.create(name="Calls", event_name="call", measurement_unit="calls", aggregation={"type": "count"}).id
    basic = sold(dodo, "Basic", meter, fee=3000, price="2", credit="50")
    scale = sold(dodo, "Scale", meter, fee=6000, price="1", credit="100")
    ada = dodo.customers.create(email="ada@example.com", name="Ada", extra_body={"tax_rate": "0.1"}).customer_id
    subscription = dodo.subscriptions.create(
        billing=ADDRESS,  # type: ignore[arg-type]
        customer={"customer_id": ada},
        product_id=basic,
        quantity=1,
        extra_body={"start_at": at(1, 1).isoformat()},
    ).subscription_id

    # --- January to March on Basic; in the middle of March Ada takes Scale, and the month goes on -------------------------------------
    use(dodo, clock, ada, at(1, 20), 200)
    bill(clock, at(2, 1, 2))
    bill(clock, at(3, 1, 2))
    use(dodo, clock, ada, at(3, 5), 140)
    clock.move_to(at(3, 16, 12))  # 15.5 of 31 days
    dodo.subscriptions.change_plan(
        subscription, product_id=scale, quantity=1, proration_billing_mode="prorated_immediately_keep_cycle"
    )
    use(dodo, clock, ada, at(3, 20), 60)
    bill(clock, at(4, 1, 2))

    # --- April's invoice is voided and made anew ---------------------------------------------------------------------------------------
    clock.move_to(at(4, 2, 9))
    (april,) = [one for one in ours(dodo, "get", "/invoices?page_size=50")["items"] if one["number"] == "INV-2026-000005"]
    ours(dodo, "post", f"/invoices/{april['id']}/void", {"then": "reissue", "reason": "Purchase order missing"})
    bill(clock, at(4, 2, 11))

    # --- A pause from April to the middle of June, with usage in it ---------------------------------------------------------------------
    clock.move_to(at(4, 11))
    assert dodo.subscriptions.update(subscription, status="paused").status == "paused"
    bill(clock, at(5, 1, 2))
    use(dodo, clock, ada, at(5, 10), 250)
    bill(clock, at(6, 1, 2))
    clock.move_to(at(6, 5))  # May is billed
    assert ingest(dodo, calls("late", ada, at(5, 20), 30)) == (30, 0)
    clock.move_to(at(6, 16))  # 15 of 30 days
    assert dodo.subscriptions.update(subscription, status="active").status == "active"
    bill(clock, at(7, 1, 2))

    # --- Two of January's calls were sent twice -----------------------------------------------------------------------------------------
    clock.move_to(at(7, 10))
    for number in (0, 1):
        ours(dodo, "post", f"/events/0120-{number}/void", {"reason": "Sent twice"})
    bill(clock, at(8, 1, 2))

    # --- The rest of the year; it ends in the middle of December, with the rest of the fee given back ---------------------------------
    bill(clock, at(12, 1, 2))
    clock.move_to(at(12, 16, 12))
    dodo.subscriptions.update(subscription, status="cancelled", extra_body={"prorate": True})
    bill(clock, at(12, 17))

    listed = ours(dodo, "get", "/invoices?page_size=50")["items"]
    told = sorted((ours(dodo, "get", f"/invoices/{one['id']}") for one in listed), key=lambda one: one["number"])
    assert [(*totals(one), amounts(one)) for one in told] == [
        ("CN-2026-000001", "credit_note", "issued", -6010, -601, -6611, -6611, [("Scale", -6000), ("Calls", -10)]),
        ("INV-2026-000001", "opening", "issued", 3000, 300, 3300, 3300, [("Basic", 3000)]),
        # 200 calls - 100 free - 50 granted = 50 at 2
        ("INV-2026-000002", "regular", "issued", 3100, 310, 3410, 3410, [("Basic", 3000), ("Calls", 100)]),
        ("INV-2026-000003", "regular", "issued", 3000, 300, 3300, 3300, [("Basic", 3000), ("Calls", 0)]),
        # 140 - 100 free - 40 of 50 granted
        (
            "INV-2026-000004",
            "regular",
            "issued",
            1500,
            150,
            1650,
            1650,
            [("Basic (unused)", -1500), ("Scale", 3000), ("Calls", 0)],
        ),
        # 60 more, none free any more; half of Scale's 100 are granted for half a month: 10 at 1
        ("INV-2026-000005", "regular", "void", 6010, 601, 6611, 6611, [("Scale", 6000), ("Calls", 10)]),
        ("INV-2026-000006", "regular", "issued", 6010, 601, 6611, 6611, [("Scale", 6000), ("Calls", 10)]),
        ("INV-2026-000007", "regular", "paid", 0, 0, 0, 0, [("Calls", 0)]),
        # 250 - 100 free - 100 granted = 50 at 1, in the pause
        ("INV-2026-000008", "regular", "issued", 50, 5, 55, 55, [("Calls", 50)]),
        # 30 calls of May came in June: none free or granted any more, 30 at 1
        (
            "INV-2026-000009",
            "regular",
            "issued",
            9030,
            903,
            9933,
            9933,
            [("Scale (after the pause)", 3000), ("Scale", 6000), ("Calls", 0), ("Calls", 30)],
        ),
        # two of January's 50 at 2 are voided; the tax is 599.6
        ("INV-2026-000010", "regular", "issued", 5996, 600, 6596, 6596, [("Scale", 6000), ("Calls", 0), ("Calls", -4)]),
        *[
            (f"INV-2026-0000{number}", "regular", "issued", 6000, 600, 6600, 6600, [("Scale", 6000), ("Calls", 0)])
            for number in (11, 12, 13, 14)
        ],
        ("INV-2026-000015", "final", "paid", -3000, -300, 0, 0, [("Scale (unused)", -3000), ("Calls", 0)]),
    ]
    assert all(ours(dodo, "get", f"/invoices/{one['id']}/verify")["holds"] for one in told)
    (left,) = [one for one in ours(dodo, "get", f"/customers/{ada}/credit-grants")["items"] if one["kind"] == "money"]
    assert (left["applies_to"], left["balance"]) == ("invoice", 3300)
