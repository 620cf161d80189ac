"""Draft prices against past usage, over the API."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from api.tests.test_products import usage_price
from invoices import simulate
from invoices.tests import story
from jobs import run as jobs
from jobs import tasks
from jobs.models import Job
from products.tests import making

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 4, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def april(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tasks, "offer", lambda job_id: None)
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def asked() -> tuple[str, dict[str, Any], str]:
    """A product at 2 cents a call, a draft at 3 cents, and its one customer, who called five times in March."""
    meter, ada = making.meter("call"), making.customer("Ada")
    sold = making.product(making.per_unit(meter, "2"))
    story.begin(ada, sold, "2026-02-01")
    story.use(ada, "call", "2026-03-10", 5)
    price = usage_price({"meter_id": meter.public_id, "price_per_unit": "3"}, fixed_price=100)
    return sold.public_id, price, ada.public_id


def test_a_draft_is_compared_with_todays_terms(call: Callable[..., Any], asked: tuple[str, dict[str, Any], str]) -> None:
    product, price, ada = asked

    reply = call("POST", f"/products/{product}/simulate", {"price": price, "cycles": 2})

    ada_pays = {"customer_id": ada, "name": "Ada", "cycle_count": 2, "old_amount": 10, "new_amount": 215, "difference": 205}
    bands = reply.body["simulation"].pop("distribution")
    assert reply.body == {
        "simulation": {
            "product_id": product,
            "currency": "USD",
            "cycles": 2,
            "customer_count": 1,
            "customers_with_a_difference": 1,
            "cycle_count": 2,
            "old_amount": 10,
            "new_amount": 215,
            "difference": 205,
            "top_movers": [ada_pays],
        },
        "job": None,
    }
    assert [band["band"] for band in bands if band["customer_count"]] == ["up_50"]
    sheet = call("POST", f"/products/{product}/simulate", {"price": price, "cycles": 2}, HTTP_ACCEPT="text/csv")
    assert sheet.raw.decode().splitlines()[1:] == [f"{ada},Ada,2,USD,10,215,205"]


def test_many_customers_take_a_job(
    call: Callable[..., Any], asked: tuple[str, dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    product, price, ada = asked
    monkeypatch.setattr(simulate, "MOST_SUBSCRIPTIONS_AT_ONCE", 0)

    begun = call("POST", f"/products/{product}/simulate", {"price": price})
    address = f"/products/{product}/simulations/{begun.body['job']['job_id']}"
    early = call("GET", address, HTTP_ACCEPT="text/csv")
    jobs.take_and_work(job_id=Job.objects.get().pk, now=NOW)
    done = call("GET", address)

    assert (begun.body["simulation"], begun.body["job"]["status"]) == (None, "queued")
    assert (early.status, early.body["code"]) == (400, "SIMULATION_NOT_DONE")
    assert (done.body["job"]["status"], done.body["job"]["done"], done.body["simulation"]["difference"]) == ("done", 1, 105)
    assert call("GET", address, HTTP_ACCEPT="text/csv").raw.decode().splitlines()[1:] == [f"{ada},Ada,1,USD,10,115,105"]
    assert call("GET", f"/products/{product}/simulations/job_none").body["code"] == "SIMULATION_NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"cycles": 0}, 422, "INVALID_FIELD"),
        ({"cycles": 25}, 422, "INVALID_FIELD"),
        ({"price": {"type": "one_time_price", "currency": "USD", "price": 5}}, 400, "PRICE_INVALID"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    call: Callable[..., Any], asked: tuple[str, dict[str, Any], str], change: dict[str, Any], status: int, code: str
) -> None:
    product, price, _ = asked

    reply = call("POST", f"/products/{product}/simulate", {"price": price, **change})

    assert (reply.status, reply.body["code"]) == (status, code)
    assert call("POST", f"/products/{product}/simulate", {"price": price}, scope="read").status == 403
