import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.actors import COMMAND
from core import formatting
from customers.models import Customer
from dashboard.reading import events, meter_usage, ranges
from dashboard.tests import world
from events.models import Event
from meters import rollup, series, void
from meters.models import Meter
from tests import factories


@pytest.fixture
def owner(db: None) -> Client:
    return world.signed_in()


def page(client: Client, name: str, meter: Meter, **query: str) -> str:
    return client.get(reverse(f"dashboard:{name}", args=[meter.public_id]), query).content.decode()


def used(meter: Meter, of: Customer, *numbers: str) -> None:
    for number in numbers:
        factories.log(of, timezone.now(), {"size": Decimal(number)}, name=meter.event_name)


@pytest.mark.parametrize("aggregation", ["count", "sum", "max", "last"])
def test_the_total_of_the_overview_is_that_of_the_customers_tab(owner: Client, aggregation: str) -> None:
    meter = factories.meter(aggregation, None if aggregation == "count" else "size")
    for name, numbers in {"One": ("1.25", "7"), "Two": ("40", "3.5"), "Three": ("0.5",)}.items():
        used(meter, factories.customer(name), *numbers)
    rollup.roll_all(now=timezone.now())
    used(meter, factories.customer("Not rolled up"), "1000")

    now = timezone.now()
    month = ranges.choose(key="month", first=None, latest=None, now=now, zone="UTC")
    total = meter_usage.total(meter_usage.by_customer(meter, month, now=now))

    shown = formatting.quantity(total)
    assert total == series.total(meter_id=meter.pk, period=month.period).quantity
    assert f'title="{shown}"' in page(owner, "meter", meter)
    assert f'<td class="num">{shown}</td>' in page(owner, "meter_customers", meter)


def test_the_chart_has_the_figures_of_the_table(owner: Client) -> None:
    meter = factories.meter("sum", "size")
    used(meter, factories.customer(), "0.1", "0.2")

    figure = json.loads(page(owner, "meter_figure", meter, theme="dark"), parse_float=Decimal)

    assert figure["data"][0]["y"][-1] == Decimal("0.3")
    assert figure["data"][0]["customdata"][-1] == "0.3"


def test_one_customer_can_be_picked(owner: Client) -> None:
    meter = factories.meter("sum", "size")
    one, other = factories.customer("One"), factories.customer("Other")
    used(meter, one, "5")
    used(meter, other, "70")

    assert 'title="5"' in page(owner, "meter", meter, customer_id=one.public_id)


def test_a_range_costs_as_one_cycle_at_the_prices_in_force(owner: Client) -> None:
    calls = world.meter()
    customer = world.customer("Papaya")
    world.subscription(customer, world.product(calls), calls)
    for number in range(350):
        world.event(customer, event_id=f"e{number}")

    shown = page(owner, "meter_customers", calls)

    # 350 calls, 100 of them free, at $0.001: 25 cents.
    assert "$1.00 per 1,000 calls" in shown
    assert '<td class="num">$0.25</td>' in shown


def test_running_cycles_cost_what_the_next_invoice_has(owner: Client) -> None:
    calls = world.meter()
    customer = world.customer("Papaya")
    world.subscription(customer, world.product(calls), calls)
    world.grant(customer, units_of=calls, amount="50")
    for number in range(350):
        world.event(customer, event_id=f"e{number}")

    shown = page(owner, "meter_customers", calls, range="cycle")

    # 350 calls, 100 free, 50 from credit, 200 at $0.001.
    assert '<td class="num wide-only">50</td>' in shown
    assert '<td class="num">$0.20</td>' in shown


def test_usage_without_a_subscription_is_shown_as_not_billed(owner: Client) -> None:
    calls = world.meter()
    world.event(world.customer(), event_id="e1")

    assert "Not billed" in page(owner, "meter_customers", calls)


def test_zero_comes_with_its_reason(owner: Client) -> None:
    calls = world.meter()
    assert "No event named “api.call” was ever received." in page(owner, "meter", calls)

    world.event(world.customer(), event_id="e 1", name="API.call ")
    shown = page(owner, "meter", calls)

    assert "Events came as “API.call ”; this meter counts “api.call”." in shown
    assert f"{reverse('dashboard:event')}?id=e%201" in shown


def test_zero_of_one_customer_names_time_filter_and_subscription(owner: Client) -> None:
    meter = factories.meter(
        "sum", "size", filter={"conjunction": "and", "clauses": [{"key": "region", "operator": "equals", "value": "eu"}]}
    )
    early, elsewhere = world.customer("Papaya"), world.customer("Quill")
    world.event(early, event_id="e1", name="tokens", at=world.START)
    world.event(elsewhere, event_id="e2", name="tokens", region="us")

    assert "none with a timestamp in this time" in page(owner, "meter", meter, customer_id=early.public_id)
    shown = page(owner, "meter", meter, customer_id=elsewhere.public_id)
    assert "The filter keeps events out: region is “eu” does not hold." in shown
    assert "No subscription of this customer carries the meter in this time." in shown
    assert "Select a valid choice" not in shown


def test_only_matched_events_are_listed_with_what_they_add(owner: Client) -> None:
    meter = factories.meter("sum", "size")
    customer = factories.customer()
    used(meter, customer, "12.5")
    factories.log(customer, timezone.now(), {"size": "text"}, name=meter.event_name, event_id="not-a-number")

    shown = page(owner, "meter_events", meter)

    assert '<td class="num">12.5</td>' in shown
    assert "not-a-number" not in shown


def test_after_a_change_of_product_the_new_price_counts(owner: Client) -> None:
    calls = world.meter()
    customer = world.customer("Papaya")
    carried = world.subscription(customer, world.product(calls), calls)
    dearer = world.product(calls, name="Dearer", price="2")
    world.change_product(carried, dearer, cycle=2)
    for number in range(200):
        world.event(customer, event_id=f"e{number}")

    # 100 of 200 calls at $0.02 since September.
    assert '<td class="num">$2.00</td>' in page(owner, "meter_customers", calls)


def event_ids(client: Client, meter: Meter, **query: str) -> list[str]:
    answered = client.get(reverse("dashboard:meter_events", args=[meter.public_id]), query)
    return [shown.event.event_id for shown in answered.context["page"].items]


REGION = {"conjunction": "and", "clauses": [{"key": "region", "operator": "equals", "value": "eu"}]}


def test_events_that_are_left_out_say_for_which_reason(owner: Client) -> None:
    meter = factories.meter("sum", "size", filter=REGION)
    customer = factories.customer()
    sent = {
        "counted": {"region": "eu", "size": 2},
        "elsewhere": {"region": "us", "size": 2},
        "nowhere": {"size": 2},
        "text": {"region": "eu", "size": "2"},
        "bare": {"region": "eu"},
        "void": {"region": "eu", "size": 3},
    }
    for event_id, metadata in sent.items():
        factories.log(customer, timezone.now(), metadata, event_id=event_id)
    void.void(event=Event.objects.get(event_id="void"), reason="wrong", actor=COMMAND, now=timezone.now())
    factories.log(customer, timezone.now(), {"region": "eu", "size": 9}, name="Tokens ", event_id="near")

    assert event_ids(owner, meter) == ["counted"]
    assert set(event_ids(owner, meter, show="left_out")) == set(sent) - {"counted"}
    assert set(event_ids(owner, meter, show="left_out", why="filter.clauses[0]")) == {"elsewhere", "nowhere"}
    assert event_ids(owner, meter, show="left_out", why="property_is_string") == ["text"]
    assert event_ids(owner, meter, show="left_out", why="voided") == ["void"]
    assert event_ids(owner, meter, show="near") == ["near"]
    said = page(owner, "meter_events", meter, show="left_out")
    for words in (
        "Not: region is “eu”", "it has us (string)", "it has no such property", "The event is void.",
        "The property that the meter reads was sent as text, not as a number. It reads “size”.",
    ):  # fmt: skip
        assert words in said


def test_a_rare_event_is_looked_for_a_stretch_at_a_time(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOKED_AT", 3)
    meter = factories.meter(filter=REGION)
    customer = factories.customer()
    for number in range(7):
        factories.log(
            customer, timezone.now() - timedelta(seconds=number), {"region": "us" if number == 5 else "eu"}, event_id=f"e{number}"
        )
    address = reverse("dashboard:meter_events", args=[meter.public_id])

    found, stretches, cursor = [], 0, ""
    while stretches < 9:
        shown = owner.get(address, {"show": "left_out", "cursor": cursor}).context["page"]
        found += [one.event.event_id for one in shown.items]
        stretches, cursor = stretches + 1, shown.older
        if cursor is None:
            break

    assert (found, stretches) == (["e5"], 3)
    assert owner.get(address, {"moment": "x"}).status_code == 400


def test_meters_of_one_unit_share_a_chart_and_another_unit_has_its_own(owner: Client) -> None:
    own = factories.meter("sum", "size")
    same = factories.meter(name="Same unit")
    other = factories.meter(name="Other unit", measurement_unit="request")
    silent = factories.meter(name="Silent", event_name="never", measurement_unit="request")
    used(own, factories.customer(), "0.1", "0.2")
    compare = [same.public_id, other.public_id, silent.public_id, own.public_id, "mtr_nobody"]

    shown = owner.get(reverse("dashboard:meter", args=[own.public_id]), {"compare": compare})
    text = shown.content.decode()

    assert shown.context["charts"] == [("token", ["Tokens", "Same unit"]), ("request", ["Other unit", "Silent"])]
    assert [cell.quantity for cell in shown.context["table"][0][1]] == [Decimal("0.3"), 2, 2, 0]
    assert text.count("counted nothing in this time; its page says why") == 1
    for unit, names in shown.context["charts"]:
        answered = owner.get(reverse("dashboard:meter_figure", args=[own.public_id]), {"compare": compare, "unit": unit})
        drawn = json.loads(answered.content, parse_float=Decimal)["data"]
        assert [one["name"] for one in drawn] == names
        assert len({one["x"][-1] for one in drawn}) == 1
    assert owner.get(reverse("dashboard:meter_figure", args=[own.public_id]), {"unit": "none"}).status_code == 404


def test_running_cycles_are_compared_with_the_same_part_of_the_cycles_before(owner: Client) -> None:
    calls, customer = world.meter(), world.customer("Papaya")
    world.subscription(customer, world.product(calls), calls)
    noon = world.NOW  # 20 November; cycles are calendar months
    for event_id, at in {
        "running": noon - timedelta(days=1),
        "as early": noon.replace(month=10) - timedelta(hours=1),
        "later": noon.replace(month=10),
        "long ago": noon.replace(month=9),
    }.items():
        world.event(customer, event_id=event_id, at=at)
    cycle = ranges.choose(key="cycle", first=None, latest=None, now=noon, zone="UTC")

    (running,) = meter_usage.by_customer(calls, cycle, now=noon)

    assert (running.quantity, running.latest_at) == (1, noon - timedelta(days=1))
    assert meter_usage.before(calls, cycle, now=noon) == 1
    assert meter_usage.before(calls, cycle, now=noon, customer=customer) == 1
    assert meter_usage.always(calls).quantity == 4


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [("2026-11-05", "2026-11-01", "The range ends before it begins."), ("0001-01-01", "9999-12-31", "1900-01-01")],
)
def test_dates_that_make_no_range_are_refused_and_not_taken_for_this_month(
    owner: Client, start: str, end: str, said: str
) -> None:
    meter = factories.meter("sum", "size")
    used(meter, factories.customer(), "77")
    query = {"range": "custom", "start": start, "end": end}

    for name in ("meter", "meter_customers", "meter_events"):
        shown = page(owner, name, meter, **query)
        assert said in shown
        assert ">77<" not in shown

    for name in ("meter_figure", "meter_customers_csv"):
        assert owner.get(reverse(f"dashboard:{name}", args=[meter.public_id]), query).status_code == 404


@pytest.mark.parametrize(("aggregation", "shown"), [("count", "0"), ("sum", "0"), ("max", "–"), ("last", "–")])
def test_a_total_of_nothing_is_what_the_aggregation_makes_of_it(owner: Client, aggregation: str, shown: str) -> None:
    meter = factories.meter(aggregation, None if aggregation == "count" else "size")

    assert f'<dt>This month</dt><dd title="{shown}">' in page(owner, "meter", meter)


def test_running_cycles_of_nobody_are_said_to_be_none(owner: Client) -> None:
    meter, customer = factories.meter("sum", "size"), factories.customer()
    used(meter, customer, "7")

    for query in ({}, {"customer_id": customer.public_id}):
        shown = page(owner, "meter", meter, range="cycle", **query)
        assert "There is no running cycle" in shown
        assert "Why nothing was counted" not in shown
    assert "There is no running cycle" in page(owner, "meter_customers", meter, range="cycle")
