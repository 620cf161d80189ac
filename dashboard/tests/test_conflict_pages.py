"""An event id that came with two contents is shown side by side and settled by those who may."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.periods import Period
from customers.models import Customer
from dashboard.reading import conflicts as reading
from dashboard.tests import world
from events.models import Event, EventConflict, EventVoid
from events.tests.sending import NOW, event, hours_ago, make_customer, send
from meters.usage import UsageRequest, quantities
from tests import factories

pytestmark = pytest.mark.django_db

METADATA = {"n": 1, "same": 0.5, "kind": "1", "gone": True}
LATER = {"n": 2.5, "same": 0.50, "kind": 1, "new": "x"}


@pytest.fixture
def owner() -> Client:
    return world.signed_in()


@pytest.fixture
def ada() -> Customer:
    return make_customer(external_id="ada")


def conflict(ada: Customer, *, later: dict[str, Any]) -> EventConflict:
    key = world.any_key()
    send(key, event("a/b", ada, metadata=METADATA, timestamp=hours_ago(2)))
    send(key, event("a/b", "ada") | later)
    return EventConflict.objects.get()


def page(client: Client, name: str, *arguments: Any, **query: Any) -> str:
    response = client.get(reverse(f"dashboard:{name}", args=arguments), query)
    assert response.status_code == 200
    return response.content.decode()


def test_every_part_is_compared_as_the_log_compares_it(ada: Customer) -> None:
    row = conflict(ada, later={"event_name": "API.call", "metadata": LATER})

    (shown,) = reading.shown([row])

    assert [(part.label, part.stored, part.later, part.differs) for part in shown.parts] == [
        ("Customer", f"Ada ({ada.public_id})", f"Ada ({ada.public_id})", False),
        ("Event name", "api.call", "API.call", True),
        ("Timestamp", NOW - timedelta(hours=2), None, False),
        ("gone", True, None, True),
        ("kind", "1", 1, True),
        ("n", 1, Decimal("2.5"), True),
        ("new", None, "x", True),
        ("same", Decimal("0.5"), Decimal("0.5"), False),
    ]


def test_a_true_is_no_one(ada: Customer) -> None:
    (shown,) = reading.shown([conflict(ada, later={"metadata": METADATA | {"n": True}, "timestamp": hours_ago(1)})])

    assert [part.label for part in shown.differing] == ["Timestamp", "n"]


def test_the_list_names_what_differs_and_leads_to_both_contents(owner: Client, ada: Customer) -> None:
    row = conflict(ada, later={"metadata": LATER})

    listed, shown = page(owner, "conflicts", event_id="a/b"), page(owner, "conflict", row.pk)

    assert reverse("dashboard:conflict", args=[row.pk]) in listed
    assert "and 1 more" in listed
    assert "4 differences" in shown
    assert shown.count('class="differs"') == 4
    assert 'value="a/b-corrected"' in shown
    assert "No conflict matches" in page(owner, "conflicts", status="corrected")


def test_a_conflict_is_dismissed_once_with_a_reason_and_who_did_it(owner: Client, ada: Customer) -> None:
    row = conflict(ada, later={"metadata": LATER})
    address = reverse("dashboard:conflict_dismiss", args=[row.pk])

    assert "This field is required." in owner.post(address, {"reason": ""}).content.decode()
    owner.post(address, {"reason": "a faulty retry"})
    again = owner.post(address, {"reason": "once more"}, follow=True).content.decode()

    row.refresh_from_db()
    assert (row.status, row.resolution, row.resolved_by.partition(":")[0]) == ("dismissed", "a faulty retry", "user")
    assert "dismissed or corrected before" in again
    assert "a faulty retry" in again
    assert not EventVoid.objects.exists()


def test_the_later_content_takes_the_place_of_the_stored_one_at_once(owner: Client, ada: Customer) -> None:
    meter = factories.meter("sum", "n", event_name="api.call")
    row = conflict(ada, later={"metadata": LATER})

    owner.post(reverse("dashboard:conflict_correct", args=[row.pk]), {"new-event_id": "a/b-2", "new-reason": "the meter was off"})

    row.refresh_from_db()
    assert (row.status, row.replacement.event_id, row.resolution) == ("corrected", "a/b-2", "the meter was off")
    void, replacement = EventVoid.objects.get(), Event.objects.get(event_id="a/b-2")
    assert (void.reason, void.replacement, void.actor_kind) == ("the meter was off", replacement, "user")
    assert (replacement.timestamp, replacement.customer_id) == (NOW - timedelta(hours=2), ada.pk)
    asked = UsageRequest(meter.pk, ada.pk, Period(NOW - timedelta(days=1), NOW))
    assert quantities(requests=[asked]).quantities[asked].quantity == Decimal("2.5")


@pytest.mark.parametrize(("event_id", "said"), [("a/b", "was used before"), ("x" * 300, "at most 255 characters")])
def test_a_correction_that_fails_changes_nothing_and_says_why(owner: Client, ada: Customer, event_id: str, said: str) -> None:
    row = conflict(ada, later={"metadata": LATER})

    shown = owner.post(reverse("dashboard:conflict_correct", args=[row.pk]), {"new-event_id": event_id, "new-reason": "r"})

    row.refresh_from_db()
    assert said in shown.content.decode()
    assert (row.status, EventVoid.objects.count(), Event.objects.count()) == ("open", 0, 1)


def test_a_reader_is_offered_no_decision(ada: Customer) -> None:
    row = conflict(ada, later={"metadata": LATER})

    assert "Void and replace" not in page(world.signed_in("finance"), "conflict", row.pk)
