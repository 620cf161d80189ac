from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from access.actors import COMMAND
from core.periods import FormerZone, Zone, Zones
from dashboard.reading import invoiced
from dashboard.tests import world
from invoices import void
from invoices.models import Invoice
from products.models import Subscription

pytestmark = pytest.mark.django_db
ISSUED = datetime(2026, 9, 1, tzinfo=UTC)  # as world.invoice has it


@pytest.fixture
def sold() -> Subscription:
    calls = world.meter()
    return world.subscription(world.customer(), world.product(calls), calls)


def months(now: datetime, *, zone: Zone = "UTC", count: int = 3) -> dict[str, list[tuple[str, int]]]:
    found = invoiced.by_month(now=now, zone=zone, months=count)
    return {one.currency: [(f"{day:%m-%d}", amount) for day, amount in one.months] for one in found}


def test_months_are_those_of_the_billing_zone_and_currencies_stay_apart(sold: Subscription) -> None:
    world.invoice(sold, number=1, total=1000)
    world.invoice(sold, number=2, total=20)
    world.invoice(sold, number=3, total=70, currency="EUR")
    now = ISSUED + timedelta(days=40)

    assert months(now) == {
        "USD": [("08-01", 0), ("09-01", 1020), ("10-01", 0)],
        "EUR": [("08-01", 0), ("09-01", 70), ("10-01", 0)],
    }
    assert months(now, zone="America/New_York")["EUR"] == [("08-01", 70), ("09-01", 0), ("10-01", 0)]
    changed = Zones("America/New_York", (FormerZone("UTC", ISSUED + timedelta(days=10)),))
    assert months(now, zone=changed) == months(now)  # a month that is over changes no more
    assert months(now, count=1) == {}


def test_a_void_is_taken_off_once_in_its_own_month(sold: Subscription) -> None:
    world.invoice(sold, number=1, total=1000)
    world.invoice(sold, number=2, total=300)
    same_month, later = ISSUED + timedelta(days=3), ISSUED + timedelta(days=33)

    void.void(
        invoice=Invoice.objects.get(series_number=2, total=300), then="waive", reason="Twice", actor=COMMAND, now=same_month
    )
    assert months(later) == {"USD": [("08-01", 0), ("09-01", 1000), ("10-01", 0)]}

    void.void(invoice=Invoice.objects.get(total=1000), then="waive", reason="Twice", actor=COMMAND, now=later)
    assert months(later) == {"USD": [("08-01", 0), ("09-01", 1000), ("10-01", -1000)]}


@time_machine.travel(ISSUED + timedelta(days=20), tick=False)
def test_the_overview_shows_the_months_of_one_currency_and_the_chart_in_its_major_unit(sold: Subscription) -> None:
    world.invoice(sold, number=1, total=1050)
    world.invoice(sold, number=2, total=100)
    world.invoice(sold, number=3, total=700, currency="JPY")
    client = world.signed_in("finance")

    shown = client.get(reverse("dashboard:home")).content.decode()
    figures = {
        currency: client.get(reverse("dashboard:invoiced_figure"), {"currency": currency}).json()["data"][0]
        for currency in ("USD", "JPY", "EUR")
    }

    assert shown.count("$11.50") == 3  # this month, to be paid, and the table
    assert {currency: (len(one["x"]), one["x"][-1], one["y"][-1]) for currency, one in figures.items()} == {
        "USD": (12, "2026-09-01T00:00:00", 11.5),
        "JPY": (12, "2026-09-01T00:00:00", 700),
        "EUR": (12, "2026-09-01T00:00:00", 11.5),
    }


def test_where_nothing_was_invoiced_no_chart_is_shown() -> None:
    client = world.signed_in()

    assert "invoiced-title" not in client.get(reverse("dashboard:home")).content.decode()
    assert client.get(reverse("dashboard:invoiced_figure")).json()["data"][0]["y"] == []
