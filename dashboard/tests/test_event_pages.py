from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.reading import events as reading
from dashboard.tests import world
from events import log
from events.ingest import RequestRefused
from events.models import RefusedRequest
from events.tests import sending
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


def test_a_meter_shows_what_its_name_and_filter_let_through(owner: Client) -> None:
    meter = factories.meter("sum", "size", filter=FILTER)
    for event_id, region in (("in-eu", "eu"), ("in-us", "us")):
        factories.log(factories.customer(), timezone.now(), {"region": region}, event_id=event_id)
    factories.log(factories.customer(), timezone.now(), {"region": "eu"}, name="other", event_id="of-other-name")

    shown = listed(owner, meter_id=meter.public_id)

    assert "in-eu" in shown
    assert "in-us" not in shown
    assert "of-other-name" not in shown
    assert "The meter counts events of another name" in listed(owner, meter_id=meter.public_id, event_name="other")


def test_an_id_with_slashes_opens(owner: Client) -> None:
    world.event(world.customer(), event_id="a/b?c=é %2F")

    assert "a/b?c=é %2F" in explained(owner, "a/b?c=é %2F")
    assert owner.get(reverse("dashboard:events"), {"event_id": "a/b?c=é %2F"}).status_code == 302


def test_an_unknown_id_says_that_it_never_came(owner: Client) -> None:
    assert "No event has the id" in listed(owner, event_id="never")
    assert owner.get(reverse("dashboard:event"), {"id": "never"}).status_code == 404


@pytest.mark.parametrize("moment", ["x", "1/x", "1/1:1:5", "1/9:5:", "99999999999999999999/1:1:", "1/1:1:99999999999999999999"])
def test_a_moment_that_cannot_be_read_is_refused(owner: Client, moment: str) -> None:
    assert owner.get(reverse("dashboard:events"), {"moment": moment}).status_code == 400


def test_the_moment_of_a_page_can_be_handed_on(owner: Client) -> None:
    moment = log.now()

    assert owner.get(reverse("dashboard:events"), {"moment": moment}).status_code == 200


@pytest.mark.parametrize(("name", "parameter"), [("events", "customer"), ("meter_new", "copy"), ("delivery_export", "key")])
def test_a_nul_character_is_refused_wherever_it_is_asked_for(owner: Client, name: str, parameter: str) -> None:
    assert owner.get(reverse(f"dashboard:{name}"), {parameter: "\0"}).status_code == 400
    assert owner.post(reverse("dashboard:meter_preview"), {"meter": "\0"}).status_code == 400


@pytest.mark.parametrize("cursor", ["x", "2026-01-01|", "2026-01-01T00:00:00+00:00|x"])
def test_a_place_that_cannot_be_read_is_refused(owner: Client, cursor: str) -> None:
    assert owner.get(reverse("dashboard:events"), {"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("cursor", ["2026-01-01T00:00:00+23:59|1", "9999-12-31T23:59:59.999999-23:59|1"])
def test_a_place_with_an_offset_that_postgresql_refuses_is_refused(owner: Client, cursor: str) -> None:
    meter = world.meter()

    assert owner.get(reverse("dashboard:meter_events", args=[meter.public_id]), {"cursor": cursor}).status_code == 400


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"region": "eu", "size": 2}, "counts it as 2 token"),
        ({"region": "us", "size": 2}, "The filter keeps it out."),
        ({"size": 2}, "it has no such property"),
        ({"region": "eu"}, "The property that the meter reads is missing."),
        ({"region": "eu", "size": "2"}, "The property that the meter reads was sent as text, not as a number. It reads “size”."),
        ({"region": "EU", "size": 2}, "The text differs only in capital letters or spaces."),
    ],
)
def test_each_meter_says_why_it_counts_an_event_or_not(owner: Client, metadata: dict, said: str) -> None:
    factories.meter("sum", "size", filter=FILTER)
    factories.log(factories.customer(), timezone.now(), metadata, event_id="e1")

    assert said in explained(owner, "e1")


def acted(client: Client, name: str, of: str, **sent: str) -> str:
    return client.post(f"{reverse(f'dashboard:{name}')}?{urlencode({'id': of})}", sent, follow=True).content.decode()


def test_an_event_is_voided_with_a_reason_and_counted_again(owner: Client) -> None:
    factories.meter()
    factories.log(factories.customer(), timezone.now(), event_id="a/b")

    unsaid = acted(owner, "event_void", "a/b", reason=" ")
    voided = acted(owner, "event_void", "a/b", reason="sent twice")
    back = acted(owner, "event_unvoid", "a/b", reason="it was right")

    assert "This field is required." in unsaid
    assert "Void it" in unsaid
    assert "sent twice" in voided
    assert "The event is void." in voided
    assert "counts it as 1 token" in back
    assert "it was right" in back


def test_a_correction_starts_from_the_whole_event_and_says_what_is_wrong_beside_it(owner: Client) -> None:
    factories.meter("sum", "size")
    customer = factories.customer()
    factories.log(customer, timezone.now(), {"size": Decimal("0.10")}, event_id="e1")
    form = owner.get(reverse("dashboard:event_correct"), {"id": "e1"}).context["form"]
    whole = {**form.initial, "reason": "wrong size"}

    bad = acted(owner, "event_correct", "e1", **{**whole, "metadata": '{"size": NaN}', "reason": ""})
    unknown = acted(owner, "event_correct", "e1", **{**whole, "customer_id": "nobody"})
    taken = acted(owner, "event_correct", "e1", **{**whole, "event_id": "e1"})
    done = acted(owner, "event_correct", "e1", **{**whole, "metadata": '{"size": 0.25}'})

    assert whole["event_id"] == "e1-corrected"
    assert whole["metadata"] == '{\n  "size": 0.10\n}'
    assert "This is not JSON: NaN is not a number." in bad
    assert "There is no customer &#x27;nobody&#x27;." in unknown
    assert "was used before" in taken
    assert "counts it as 0.25 token" in done
    assert "stands in its place" in explained(owner, "e1")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (r'{"k": "\ud800"}', "half of a surrogate pair"),
        (r'{"\udfff": 1}', "half of a surrogate pair"),
        ('{"k": %s}' % ("9" * 400), "is out of range"),
        ('{"k": 1e99999999999999999999}', "A number has too great an exponent."),
        ("[" * 100_000, "This is not JSON"),
        ('{"k": 1, "k": 2}', "a name stands twice"),
    ],
)
def test_metadata_that_no_event_can_have_is_a_fault_of_its_field(owner: Client, metadata: str, said: str) -> None:
    factories.log(factories.customer(), timezone.now(), event_id="e1")
    form = owner.get(reverse("dashboard:event_correct"), {"id": "e1"}).context["form"]

    assert said in acted(owner, "event_correct", "e1", **{**form.initial, "reason": "wrong", "metadata": metadata})


def test_a_correction_keeps_the_spaces_of_an_event_name(owner: Client) -> None:
    factories.log(factories.customer(), timezone.now(), name=" spaced ", event_id="e1")
    form = owner.get(reverse("dashboard:event_correct"), {"id": "e1"}).context["form"]

    acted(owner, "event_correct", "e1", **{**form.initial, "reason": "wrong"})

    found = log.find("e1-corrected")
    assert found is not None
    assert found.event_name == " spaced "


def test_a_refused_id_has_a_page_with_the_reason(owner: Client) -> None:
    key, _secret = sending.make_key()
    with pytest.raises(RequestRefused):
        sending.send(key, sending.event("r/1", "nobody"), sending.event("good", world.customer()))

    assert "CUSTOMER_NOT_FOUND" in explained(owner, "r/1")
    assert owner.get(reverse("dashboard:events"), {"event_id": "r/1"}).status_code == 302
    of_neighbour = explained(owner, "good")
    assert "Nothing is wrong with this event" in of_neighbour
    assert reverse("dashboard:refused_request", args=[RefusedRequest.objects.get().pk]) in of_neighbour
