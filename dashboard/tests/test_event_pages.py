import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.reading import events as reading
from dashboard.tests import world
from tests import factories


@pytest.fixture
def owner(db: None) -> Client:
    return world.signed_in()


def listed(client: Client, **query: str) -> str:
    return client.get(reverse("dashboard:events"), query).content.decode()


def explained(client: Client, event_id: str) -> str:
    return client.get(reverse("dashboard:event"), {"id": event_id}).content.decode()


FILTER = {"conjunction": "and", "clauses": [{"key": "region", "operator": "equals", "value": "eu"}]}


@pytest.mark.django_db(transaction=True)  # a later page shows what was committed when the first one was read
def test_older_pages_walk_the_whole_log_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SIZE", 2)
    customer = world.customer()
    for number in range(5):
        world.event(customer, event_id=f"event-{number}", at=world.NOW)
    seen = []
    wanted, cursor, moment = reading.Filters(), None, None

    while True:
        page = reading.page(wanted=wanted, cursor=cursor, moment=moment)
        seen += [shown.event.event_id for shown in page.items]
        cursor, moment = page.older, page.moment
        if cursor is None:
            break

    assert seen == [f"event-{number}" for number in range(5)]


def test_events_of_a_customer_are_found_by_a_part_of_its_name(owner: Client) -> None:
    world.event(world.customer("Papaya Maps"), event_id="of-papaya")
    world.event(world.customer("Quill"), event_id="of-quill")

    shown = listed(owner, customer_id="papa")

    assert "of-papaya" in shown
    assert "of-quill" not in shown


@pytest.mark.parametrize(
    ("asked", "said"), [("nobody", "No customer is called so."), ("Maps", "Several customers are called so.")]
)
def test_a_name_that_means_nobody_or_several_is_said_so(owner: Client, asked: str, said: str) -> None:
    world.event(world.customer("Papaya Maps"), event_id="e1")
    world.event(world.customer("Kiwi Maps"), event_id="e2")

    shown = listed(owner, customer_id=asked)

    assert said in shown
    assert "e1" not in shown


def test_an_id_with_slashes_opens(owner: Client) -> None:
    world.event(world.customer(), event_id="a/b?c=é %2F")

    assert "a/b?c=é %2F" in explained(owner, "a/b?c=é %2F")
    assert owner.get(reverse("dashboard:events"), {"event_id": "a/b?c=é %2F"}).status_code == 302


def test_an_unknown_id_says_that_it_never_came(owner: Client) -> None:
    assert "No event has the id" in listed(owner, event_id="never")
    assert owner.get(reverse("dashboard:event"), {"id": "never"}).status_code == 404


@pytest.mark.parametrize("cursor", ["x", "2026-01-01|", "2026-01-01T00:00:00+00:00|x"])
def test_a_place_that_cannot_be_read_is_refused(owner: Client, cursor: str) -> None:
    assert owner.get(reverse("dashboard:events"), {"cursor": cursor}).status_code == 400


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"region": "eu", "size": 2}, "counts it as 2 token"),
        ({"region": "us", "size": 2}, "The filter keeps it out."),
        ({"size": 2}, "it has no such property"),
        ({"region": "eu"}, "The property that the meter reads is missing."),
        ({"region": "eu", "size": "2"}, "The property that the meter reads is no number."),
    ],
)
def test_each_meter_says_why_it_counts_an_event_or_not(owner: Client, metadata: dict, said: str) -> None:
    factories.meter("sum", "size", filter=FILTER)
    factories.log(factories.customer(), timezone.now(), metadata, event_id="e1")

    assert said in explained(owner, "e1")
