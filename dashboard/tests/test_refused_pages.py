"""What was refused is shown by reason, readably whatever it holds, and acted on by those who may."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from access.models import User
from dashboard.reading import refused as reading
from dashboard.tests import world
from events import prune
from events.ingest import RequestRefused, ingest
from events.models import Event, RefusedRequest, RejectedEvent
from events.tests.sending import NOW, body, event, make_customer
from jobs.models import Job
from jobs.run import take_and_work

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Client:
    return world.signed_in()


def refuse(*events: Any, raw: bytes | None = None) -> RefusedRequest:
    key = world.any_key()
    with suppress(RequestRefused):
        ingest(body=body(*events) if raw is None else raw, key_id=key.id, received_at=NOW)
    return RefusedRequest.objects.latest("id")


def page(client: Client, name: str, *arguments: Any, **query: Any) -> str:
    response = client.get(reverse(f"dashboard:{name}", args=arguments), query)
    assert response.status_code == 200
    return response.content.decode()


def ids() -> list[int]:
    return list(RejectedEvent.objects.order_by("id").values_list("id", flat=True))


def test_reasons_are_gathered_with_counts_and_samples(owner: Client) -> None:
    refuse(event("a", "acme"), event("b", "nobody"), event("c", make_customer(), metadata={"k": None}))
    refuse(raw=b"{")

    shown = page(owner, "refused")

    assert shown.index("CUSTOMER_NOT_FOUND") < shown.index("NULL_VALUE") < shown.index("INVALID_JSON")
    assert "There is no customer &#x27;nobody&#x27;. Create the customer first" in shown
    assert "2 customers as sent" in shown
    assert "in 1 request" in shown
    assert "INVALID_JSON" not in page(owner, "refused", customer="acme")
    assert "Nothing refused matches" in page(owner, "refused", status="dismissed")


def test_a_reason_leads_to_its_events_and_each_to_its_request(owner: Client) -> None:
    request = refuse(event("a", "acme"), event("c", make_customer(), metadata={"k": None}))

    shown = page(owner, "refused_events", code="NULL_VALUE", field="metadata.k")

    assert reverse("dashboard:refused_request", args=[request.pk]) in shown
    assert "Leave the key out instead." in shown
    assert ">a<" not in shown


def test_a_request_shows_every_problem_and_what_else_it_held(owner: Client) -> None:
    ada = make_customer()
    request = refuse(
        event("good", ada), event("bad", ada, metadata={"a": None, "b": []}), event("x", "<script>alert(1)</script>")
    )

    shown = page(owner, "refused_request", request.pk)

    assert "<code>metadata.a</code> is null. Leave the key out instead." in shown
    assert "<code>metadata.b</code> is a list. Send strings, numbers or booleans only." in shown
    assert "1 event of this request had no problem." in shown
    assert "Replay the good rest" in shown
    assert "<script>alert" not in shown


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"events":[{"event_id":"a\x00\xff', "\\u{0000}\\xff"),
        (b'{"events":[{"event_id":"\\ud800"}]}', "half of a surrogate pair"),
        (b'{"events":[' + b'{"k":"' + b"y" * 1_500_000 + b'"}]}', "its beginning"),
        (b"[" * 100_000, "cannot be told apart"),
        (b"", "INVALID_JSON"),
    ],
)
def test_whatever_a_body_holds_its_page_opens(owner: Client, raw: bytes, said: str) -> None:
    assert said in page(owner, "refused_request", refuse(raw=raw).pk)


def test_the_reasons_of_the_newest_events_only_are_counted_and_the_page_says_so(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_EVENTS", 2)
    refuse(event("a", "acme"), event("b", "acme"), event("c", "acme"))

    groups = reading.groups(RejectedEvent.objects.all())

    assert ([(one.code, one.event_count) for one in groups.items], groups.is_cut) == ([("CUSTOMER_NOT_FOUND", 2)], True)
    assert "Narrow the filter" in page(owner, "refused")


def test_a_pruned_body_is_said_to_be_gone(owner: Client) -> None:
    request = refuse(event("a", "acme"))
    prune.prune(max_age=timedelta(), most_bytes=0, now=NOW)

    shown = page(owner, "refused_request", request.pk)

    assert "The body of this request was pruned." in shown
    assert "There is no customer &#x27;acme&#x27;" in shown


def test_a_chosen_event_is_replayed_and_its_job_says_what_became_of_it(owner: Client) -> None:
    refuse(event("a", "acme"), event("b", "nobody"))
    make_customer(external_id="acme")

    response = owner.post(reverse("dashboard:refused_replay"), {"event": ids(), "filters": "code=CUSTOMER_NOT_FOUND"})
    job = Job.objects.get()
    take_and_work(job_id=job.pk, now=NOW)

    assert response.headers["Location"] == reverse("dashboard:job", args=[job.public_id])
    told = page(owner, "job", job.public_id)
    assert "<dt>Chosen</dt><dd>2 events</dd>" in told
    assert "<dt>Ingested</dt><dd>1</dd>" in told
    assert "<dt>Refused again: CUSTOMER_NOT_FOUND</dt><dd>1</dd>" in told
    assert Event.objects.get().event_id == "a"
    assert "Ingested, one-owner" in page(owner, "refused_events", status="replayed")
    assert "refused again:" in page(owner, "refused_events")


def test_a_whole_group_is_replayed_by_the_filters_of_its_page(owner: Client) -> None:
    refuse(event("a", "acme"), event("b", make_customer(), metadata={"k": None}))
    make_customer(external_id="acme")

    owner.post(
        reverse("dashboard:refused_replay"), {"whole_group": "1", "filters": "code=CUSTOMER_NOT_FOUND&status=any&cursor=x"}
    )
    take_and_work(job_id=Job.objects.get().pk, now=NOW)

    assert Job.objects.get().parameters["filters"] == {"code": "CUSTOMER_NOT_FOUND"}
    assert list(RejectedEvent.objects.order_by("index").values_list("status", flat=True)) == ["replayed", "open"]


def test_the_chosen_or_the_group_or_the_request_is_dismissed_with_who_did_it(owner: Client) -> None:
    refuse(event("a", "acme"), event("b", "acme"))
    other = refuse(event("c", make_customer(), metadata={"k": None}))
    who = f"user:{User.objects.get().public_id}"

    owner.post(reverse("dashboard:refused_dismiss"), {"event": ids()[:1], "filters": ""})
    assert list(RejectedEvent.objects.order_by("id").values_list("status", "resolved_by")) == [
        ("dismissed", who),
        ("open", ""),
        ("open", ""),
    ]

    owner.post(reverse("dashboard:refused_dismiss"), {"whole_group": "1", "filters": "code=CUSTOMER_NOT_FOUND"})
    owner.post(reverse("dashboard:refused_request_dismiss", args=[other.pk]))
    assert set(RejectedEvent.objects.values_list("status", "resolved_by")) == {("dismissed", who)}
    assert "Nothing refused matches" in page(owner, "refused", code="NULL_VALUE")


def test_nothing_chosen_is_said_so(owner: Client) -> None:
    response = owner.post(reverse("dashboard:refused_replay"), {"event": ["x", "9" * 30], "filters": "code=A"}, follow=True)

    assert "None of the chosen events is open." in response.content.decode()
    for name in ("refused_replay", "refused_dismiss"):
        shown = owner.post(reverse(f"dashboard:{name}"), {"filters": "code=A"}, follow=True).content.decode()
        assert "Nothing is chosen." in shown
        assert "dismissed." not in shown
    assert not Job.objects.exists()


def test_a_reader_sees_all_and_is_offered_nothing() -> None:
    request = refuse(event("a", "acme"), event("good", make_customer()))
    viewer = world.signed_in("viewer")

    shown = page(viewer, "refused_events") + page(viewer, "refused_request", request.pk)

    assert "acme" in shown
    assert 'method="post" action="/refused' not in shown


def test_the_good_rest_is_replayed_from_its_page(owner: Client) -> None:
    request = refuse(event("bad", "nobody"), event("good", make_customer()))

    owner.post(reverse("dashboard:refused_rest_replay", args=[request.pk]))
    take_and_work(job_id=Job.objects.get().pk, now=NOW)

    assert Event.objects.get().event_id == "good"
    assert "In the log by now: 1." in page(owner, "refused_request", request.pk)
