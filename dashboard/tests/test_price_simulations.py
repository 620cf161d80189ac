"""Simulating a price on its page: today's price as a draft, the figures of the job, and who may."""

from typing import Any

import pytest
from django.urls import reverse

from dashboard.tests import world
from invoices import simulate
from jobs import run as jobs
from jobs import tasks
from jobs.models import Job
from products.models import PriceVersion
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "offer", lambda job_id: None)


def sent(meter: str, **changes: Any) -> dict[str, Any]:
    row = {"meter": meter, "price_model": "per_unit", "price_per_unit": "0.001", "free_threshold": 100, "display_per": 1}
    fields = {"cycles": 2, "fixed_price": "49", "meters-TOTAL_FORMS": 1, "meters-INITIAL_FORMS": 1}
    return {**fields, **{f"meters-0-{name}": given for name, given in row.items()}, **changes}


def test_a_draft_price_is_charged_and_the_product_stays() -> None:
    client = world.signed_in("finance")
    meter = world.meter()
    product = world.product(meter)
    world.subscription(world.customer(), product, meter)
    address = reverse("dashboard:product_simulate", args=[product.public_id])

    shown = client.get(address).content.decode()
    answer = client.post(address, sent(meter.public_id, fixed_price="50.50"))
    jobs.take_and_work(job_id=Job.objects.get().pk, now=NOW)
    page = client.get(answer["Location"]).content.decode()

    assert 'value="0.001"' in shown
    assert Job.objects.get().status == "done"
    for figure in ("$98.00", "$101.00", "+3.1%", "$3.00", "Papaya Maps", "All customers as CSV"):
        assert figure in page
    assert PriceVersion.objects.count() == 1
    assert b"Simulate a price" in client.get(reverse("dashboard:product", args=[product.public_id])).content


def test_what_is_wrong_with_a_draft_is_said_and_no_job_begins() -> None:
    client = world.signed_in()
    meter = world.meter()
    product = world.product(meter)
    address = reverse("dashboard:product_simulate", args=[product.public_id])

    assert "1.005 USD is not a whole number" in client.post(address, sent(meter.public_id, fixed_price="1.005")).content.decode()
    contradiction = sent(meter.public_id, **{"meters-0-price_model": "volume"})
    assert "either price_per_unit or tiers" in client.post(address, contradiction).content.decode()
    assert not Job.objects.filter(kind=simulate.KIND).exists()
