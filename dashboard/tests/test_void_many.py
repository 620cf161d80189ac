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


def posted(client: Client, **sent: str) -> str:
    return client.post(reverse("dashboard:event_voids"), sent, follow=True).content.decode()


def acme_with_events() -> Customer:
    meter = factories.meter("sum", "size", name="Sizes")
    acme = factories.customer("Acme")
    for size in (1, 2):
        factories.log(acme, timezone.now(), {"size": size}, name=meter.event_name, event_id=f"e{size}")
    return acme


@pytest.mark.django_db(transaction=True)  # a job voids what was committed when it began
def test_events_are_previewed_then_voided_by_a_job_and_taken_back() -> None:
    owner, acme = world.signed_in(), acme_with_events()
    wanted = {
        "customer": "Acme",
        "key0": "size",
        "operator0": "greater_than",
        "kind0": "number",
        "value0": "1.5",
        "reason": "test",
    }

    seen = posted(owner, **wanted)
    untouched = EventVoid.objects.count()
    begun = posted(owner, **wanted, begin="")
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
        ({"reason": "r", "customer": "Acme", "key0": "size", "operator0": "equals", "kind0": "number", "value0": "x"}, "Enter a number"),
        ({"reason": "r", "customer": "Acme", "event_ids": "e1"}, "not both"),
        ({"reason": "r", "event_ids": "unknown"}, "No event that counts is among them."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said_beside_it(owner: Client, sent: dict[str, str], said: str) -> None:
    acme_with_events()

    assert said in posted(owner, **sent)
