"""Whatever a form of events and meters holds, the answer is a page that says what is wrong, or what was done: never a server error."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from dashboard.tests import world
from events.models import EventConflict, RefusedRequest, RejectedEvent
from jobs.models import Job
from meters.models import Meter

# As they stand in the body; the second is no UTF-8, the last a NUL within a query within the form.
HOSTILE = ["x" * 20_000, "%ED%A0%80", "9" * 400, "1e400", "event_name%3D%2500"]
CONDITION = {
    "filter.conjunction": "and",
    "filter.0.key": "n",
    "filter.0.operator": "equals",
    "filter.0.kind": "number",
    "filter.0.value": "1",
}


@dataclass(frozen=True)
class Form:
    """A form's address with its query, and what a person would send."""

    name: str
    good: dict[str, str]
    args: tuple[object, ...] = ()
    query: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{reverse(f'dashboard:{self.name}', args=self.args)}?{urlencode(self.query)}"


@pytest.fixture
def owner(db: None) -> Client:
    client = world.signed_in()
    client.raise_request_exception = False
    world.meter()
    acme = world.customer("Acme")
    world.event(acme, event_id="call/1", n=1)
    world.refusal_and_conflict(acme)
    return client


def forms() -> Iterator[Form]:
    meter = Meter.objects.get().public_id
    refused, conflict = RefusedRequest.objects.get().pk, EventConflict.objects.get().pk
    chosen = {"event": str(RejectedEvent.objects.first().pk), "with_rest": "1"}  # type: ignore[union-attr]
    group = {"whole_group": "1", "filters": "code=CUSTOMER_NOT_FOUND&start=2026-01-01"}
    basics = {"name": "M", "event_name": "api.call", "description": "d"}
    adding = {"aggregation": "sum", "over_property": "n", "measurement_unit": "u"}
    events = {"customer": "Acme", "event_name": "api.call", "start": "2026-01-01", "end": "2026-12-31", "reason": "r"}
    event = {"id": "call/1"}
    correction = {
        "event_id": "new",
        "customer_id": "c",
        "event_name": "api.call",
        "timestamp": "2026-11-20T12:00:00Z",
        "metadata": "{}",
        "reason": "r",
    }
    job = Job.objects.create(kind="void_events", status="done", created_at=world.NOW, created_by="system:test").public_id
    for step, content in {"basics": basics, "aggregation": adding, "filter": CONDITION, "review": {}}.items():
        yield Form("meter_new", {"step": step, "do": "next", "draft": "t", **content}, query={"draft": "t"})
    yield Form("meter_new", {"step": "review", "do": "create", **basics, **adding})
    yield Form("meter_preview", {"draft": "t", "meter": meter, **CONDITION})
    yield Form("meter_what_if", {"do": "start", "start": "2026-01-01", "end": "", "event_name": "api.call", **adding}, (meter,))
    yield Form("meter_edit", {**basics, "measurement_unit": "u"}, (meter,))
    yield Form("meter_archive", {}, (meter,))
    yield Form("event_void", {"reason": "r"}, query=event)
    yield Form("event_unvoid", {"reason": "r"}, query=event)
    yield Form("event_correct", correction, query=event)
    yield Form("event_voids", {"do": "look", **events, **CONDITION})
    yield Form("event_voids", {"do": "begin", "event_ids": "call/1", "reason": "r"})
    yield Form("event_voids_take_back", {}, (job,))
    yield Form("refused_replay", chosen)
    yield Form("refused_replay", group)
    yield Form("refused_dismiss", chosen)
    yield Form("refused_dismiss", group)
    yield Form("refused_rest_replay", {}, (refused,))
    yield Form("refused_request_dismiss", {}, (refused,))
    yield Form("conflict_dismiss", {"reason": "r"}, (conflict,))
    yield Form("conflict_correct", {"new-event_id": "new", "reason": "r", "new-reason": "r"}, (conflict,))


def bodies(good: dict[str, str]) -> Iterator[str]:
    """Put each hostile text in the place of each field, and leave each out."""
    encoded = {name: quote_plus(text) for name, text in good.items()}
    yield "&".join(f"{name}={text}" for name, text in encoded.items())
    yield "&".join(f"{name}=%00" for name in good)
    for name in good:
        others = [f"{other}={text}" for other, text in encoded.items() if other != name]
        for hostile in HOSTILE:
            yield "&".join([*others, f"{name}={hostile}"])
        yield "&".join(others)


def sent(client: Client, address: str, content: str) -> tuple[int, bytes]:
    """Post a form and take back what it did."""
    with transaction.atomic():
        answer = client.post(address, content, content_type="application/x-www-form-urlencoded")
        transaction.set_rollback(True)
    return answer.status_code, answer.content


def test_no_form_of_events_and_meters_breaks(owner: Client) -> None:
    wrong = []
    for form in forms():
        for content in bodies(form.good):
            status, page = sent(owner, form.address, content)
            if status != 302 and (status not in (200, 400) or len(page) < 100):
                wrong.append((form.name, status, content[:200]))

    assert wrong == []
