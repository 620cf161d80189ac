import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from customers.models import Customer
from dashboard.tests import world
from events.models import EventVoid
from jobs import run
from jobs.models import Job
from tests import factories


@pytest.fixture
def owner(db: None) -> Client:
    return world.signed_in()


def posted(client: Client, sent: dict[str, str], do: str = "look", **headers: str) -> str:
    return client.post(reverse("dashboard:event_voids"), sent | {"do": do}, follow=True, headers=headers).content.decode()


def condition(path: str, key: str, operator: str, kind: str, value: str) -> dict[str, str]:
    return {f"{path}.key": key, f"{path}.operator": operator, f"{path}.kind": kind, f"{path}.value": value}


def acme_with_events() -> Customer:
    meter = factories.meter("sum", "size", name="Sizes")
    acme = factories.customer("Acme")
    for size in (1, 2):
        factories.log(acme, timezone.now(), {"size": size}, name=meter.event_name, event_id=f"e{size}")
    return acme


@pytest.mark.django_db(transaction=True)  # a job voids what was committed when it began
def test_events_are_previewed_then_voided_by_a_job_and_taken_back() -> None:
    owner, acme = world.signed_in(), acme_with_events()
    wanted = {"customer": "Acme", "reason": "test", "filter.conjunction": "and"}
    wanted |= condition("filter.0", "size", "greater_than", "number", "1.5")

    seen = posted(owner, wanted)
    untouched = EventVoid.objects.count()
    begun = posted(owner, wanted, "begin")
    job = Job.objects.get()
    run.take_and_work(job_id=job.pk, now=timezone.now())
    page = owner.get(reverse("dashboard:job", args=[job.public_id])).content.decode()
    owner.post(reverse("dashboard:event_voids_take_back", args=[job.public_id]))
    run.take_and_work(job_id=Job.objects.latest("id").pk, now=timezone.now())

    assert "1 event would be voided" in seen
    assert '<td class="num">3</td><td class="num">1<span' in seen
    assert (untouched, acme.name in page, "size is above 1.5" in page) == (0, True, True)
    assert "The events are being voided." in begun
    assert "Take these voids back" in page
    assert list(EventVoid.objects.order_by("id").values_list("event__event_id", "is_void")) == [("e2", True), ("e2", False)]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"reason": "r"}, "nobody means all events"),
        ({"reason": "r", "customer": "nobody"}, "No customer is called so."),
        ({"customer": "Acme"}, "This field is required."),
        ({"reason": "r", "customer": "Acme", **condition("filter.0", "size", "equals", "number", "x")}, "Enter a number"),
        ({"reason": "r", "customer": "Acme", "event_ids": "e1"}, "not both"),
        ({"reason": "r", "event_ids": "unknown"}, "No event that counts is among them."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said_beside_it(owner: Client, sent: dict[str, str], said: str) -> None:
    acme_with_events()

    assert said in posted(owner, sent)


def test_conditions_are_built_in_groups_to_three_levels_without_losing_what_was_typed(owner: Client) -> None:
    acme_with_events()
    sent = {"customer": "Acme", "event_name": "tokens", "reason": "r", "filter.conjunction": "or"}
    sent |= condition("filter.0", "size", "equals", "number", "1")
    inner = {"filter.1.conjunction": "and", "filter.1.0.conjunction": "or"}
    inner |= condition("filter.1.0.0", "size", "equals", "number", "2")

    grouped = posted(owner, sent, "group:filter", hx_request="true")
    nested = posted(owner, sent | inner, "add:filter.1.0", hx_request="true")
    shorter = posted(owner, sent | inner, "remove:filter.0")
    found = posted(owner, sent | inner)

    assert 'name="filter.1.0.key"' in grouped
    assert 'name="filter.1.0.1.key"' in nested
    assert 'value="group:filter.1.0"' not in nested  # three levels are the deepest
    assert all(f'value="{typed}"' in nested for typed in ("Acme", "tokens"))
    assert "<html" not in nested
    assert "filter.0.0.0.value" in shorter
    assert "2 events would be voided" in found


def test_event_names_are_offered_by_a_part_of_them(owner: Client) -> None:
    acme = factories.customer("Acme")
    for number in range(30):
        factories.log(acme, timezone.now(), name=f"call.{number}", event_id=f"e{number}")
    factories.log(acme, timezone.now(), name="upload", event_id="u")

    offered = owner.get(reverse("dashboard:event_name_choices"), {"event_name": "uPLO"}).content.decode()
    page = owner.get(reverse("dashboard:event_voids")).content.decode()

    assert offered.count("<option") == 1
    assert 'value="upload"' in offered
    assert page.count('<option value="call.') == 20
