import pytest
from django.urls import reverse

from dashboard.reading import first_steps
from dashboard.tests import world

pytestmark = pytest.mark.django_db


def standing() -> list[tuple[str, bool, bool]]:
    return [(one.step.view, one.is_done, one.is_next) for one in first_steps.standing()]


def test_each_step_is_done_by_what_it_asks_for_and_the_first_open_one_is_next() -> None:
    one = world.customer()
    calls = world.meter()

    assert standing() == [
        ("dashboard:customer_new", True, False),
        ("dashboard:key_create", False, True),
        ("api:docs", False, False),
        ("dashboard:meter_new", True, False),
        ("dashboard:product_new", False, False),
        ("dashboard:subscription_new", False, False),
    ]

    world.any_key()
    world.event(one, event_id="first")
    world.subscription(one, world.product(calls), calls)
    assert standing() == []


def test_the_overview_leads_to_the_next_step_those_who_may_until_there_is_an_invoice() -> None:
    owner, viewer, next_step = world.signed_in(), world.signed_in("viewer"), f'href="{reverse("dashboard:customer_new")}"'

    assert owner.get("/").content.decode().count(next_step) == 2
    seen = viewer.get("/").content.decode()
    assert "Until the first invoice" in seen
    assert next_step not in seen

    calls = world.meter()
    world.invoice(world.subscription(world.customer(), world.product(calls), calls), number=1)
    assert "Until the first invoice" not in owner.get("/").content.decode()
