import csv
import io
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import formatting
from dashboard.reading import meter_customers, meter_usage, ranges
from dashboard.tests import world
from meters import rollup
from meters.models import Meter
from tests import factories


@pytest.fixture
def owner(db: None) -> Client:
    return world.signed_in()


def tab(client: Client, meter: Meter, **query: str):
    return client.get(reverse("dashboard:meter_customers", args=[meter.public_id]), query)


def names(response) -> list[str]:
    return [row.customer.name for row in response.context["rows"]]


@pytest.fixture
def three(db: None) -> Meter:
    """Papaya with the most usage and no subscription; Quill, whose one call costs more than the two of Acorn."""
    calls = world.meter()
    cheap, dear = world.product(calls, free=0), world.product(calls, name="Dear", price="500", free=0)
    for name, number, product in (("Papaya", 3, None), ("acorn", 2, cheap), ("Quill", 1, dear)):
        customer = world.customer(name)
        if product:
            world.subscription(customer, product, calls)
        for count in range(number):
            world.event(customer, event_id=f"{name}-{count}")
    return calls


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["Papaya", "acorn", "Quill"]),
        ("name", ["acorn", "Papaya", "Quill"]),
        ("-name", ["Quill", "Papaya", "acorn"]),
        ("usage", ["Quill", "acorn", "Papaya"]),
        ("-charge", ["Quill", "acorn", "Papaya"]),
        ("charge", ["acorn", "Quill", "Papaya"]),
        ("-nonsense", ["Papaya", "acorn", "Quill"]),
    ],
)
def test_customers_are_sorted_and_who_is_not_billed_stands_last(
    owner: Client, three: Meter, sort: str, expected: list[str]
) -> None:
    assert names(tab(owner, three, sort=sort)) == expected


def test_a_search_narrows_the_rows_and_their_sum_and_leaves_the_total(owner: Client, three: Meter) -> None:
    found = tab(owner, three, search="ACO")

    assert names(found) == ["acorn"]
    assert (found.context["found"].shown_total, found.context["found"].total) == (2, 6)
    assert "1 of 3 customers with usage matches." in found.content.decode()
    assert "No customer with usage matches" in tab(owner, three, search="nobody").content.decode()


def test_who_has_no_subscription_is_said_to_be_billed_to_nobody(owner: Client, three: Meter) -> None:
    shown = tab(owner, three, search="Papaya").content.decode()

    assert "Not billed" in shown
    assert "No subscription carries this meter" in shown


@pytest.mark.parametrize("key", ["month", "cycle"])
def test_the_file_has_the_customers_and_figures_of_the_page(owner: Client, three: Meter, key: str) -> None:
    sent = owner.get(reverse("dashboard:meter_customers_csv", args=[three.public_id]), {"range": key, "sort": "-charge"})
    text = b"".join(sent.streaming_content).decode()  # type: ignore[attr-defined]
    lines = list(csv.DictReader(io.StringIO(text)))

    page = tab(owner, three, range=key, sort="-charge")
    assert [line["customer"] for line in lines] == names(page)
    assert [line["charge"] for line in lines] == ["5", "0", ""][: len(lines)]
    assert [line["quantity"] for line in lines] == ["1", "2", "3"][: len(lines)]
    assert all(line["latest_event_at"] for line in lines)


@pytest.mark.parametrize("aggregation", ["count", "sum", "max", "last"])
def test_beyond_what_is_listed_the_total_is_still_that_of_all(
    owner: Client, aggregation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = factories.meter(aggregation, None if aggregation == "count" else "size")
    for number in ("3", "5", "7"):
        factories.log(factories.customer(), timezone.now(), {"size": Decimal(number)})
    rollup.roll_all(now=timezone.now())
    now = timezone.now()
    month = ranges.choose(key="month", first=None, latest=None, now=now, zone="UTC")
    whole = meter_usage.total(meter_usage.by_customer(meter, month, now=now))

    monkeypatch.setattr(meter_usage, "MOST_CUSTOMERS", 2)
    found = meter_customers.find(meter, month, search="", sort="", now=now)

    assert len(found.used) == 2
    assert found.is_cut
    assert found.total == whole
    assert (
        f'title="{formatting.quantity(whole)}"' in owner.get(reverse("dashboard:meter", args=[meter.public_id])).content.decode()
    )


def test_beyond_what_can_be_charged_the_page_says_how_to_sort_by_charge(
    owner: Client, three: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_customers, "CHARGED_AT_MOST", 2)
    page = tab(owner, three, sort="-charge")

    assert names(page) == ["Papaya", "acorn", "Quill"]
    assert "Up to 2 customers can be sorted by charge" in page.content.decode()
    assert tab(owner, three, sort="-charge", search="aco").context["found"].sort == "-charge"
