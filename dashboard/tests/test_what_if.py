from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.tests import world
from jobs import run as jobs
from jobs import tasks
from jobs.models import Job
from meters.models import Meter
from tests import factories
from tests.factories import NOW, log


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "offer", lambda job_id: None)


@pytest.fixture
def meter(transactional_db: None) -> Meter:
    acme, zoo = factories.customer("Acme"), factories.customer("Zoo")
    log(acme, NOW, {"n": 5, "region": "eu"}, event_id="eu/1")
    log(acme, NOW, {"n": 7, "region": "us"}, event_id="us/1")
    log(zoo, NOW, {"n": 40, "region": "us"})
    return factories.meter("sum", "n")


def post(client: Client, meter: Meter, do: str, **fields: str) -> Any:
    usual = {
        "event_name": "tokens",
        "aggregation": "sum",
        "over_property": "n",
        "start": "",
        "end": "",
        "filter.conjunction": "and",
    }
    return client.post(address(meter), {**usual, **fields, "do": do})


def address(meter: Meter) -> str:
    return reverse("dashboard:meter_what_if", args=[meter.public_id])


EU = {"filter.0.key": "region", "filter.0.operator": "equals", "filter.0.kind": "string", "filter.0.value": "eu"}


def test_history_is_counted_under_the_changed_definition_and_the_meter_stays(meter: Meter) -> None:
    client = world.signed_in("operator")
    assert 'value="n"' in client.get(address(meter)).content.decode()
    assert 'name="filter.0.key"' in post(client, meter, "add:filter").content.decode()

    started = post(client, meter, "start", **EU)
    job = Job.objects.get()
    waiting = client.get(started.headers["Location"]).content.decode()
    jobs.take_and_work(job_id=job.pk, now=NOW)
    page = world.signed_in("viewer").get(started.headers["Location"], {"sort": "name"}).content.decode()

    assert "hx-trigger" in waiting
    assert "The sum of n over events tokens where region is “eu”" in page
    assert page.index("Acme") < page.index("Zoo")
    for figure in ("52", "−47", "us/1", "differences.csv"):
        assert figure in page, figure
    assert "hx-trigger" not in page.partition("<main")[2]
    assert "Show the differences" in client.get(reverse("dashboard:job", args=[job.public_id])).content.decode()
    assert Meter.objects.get().filter is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "This is what the meter counts already"),
        ({"over_property": ""}, "Name the metadata key"),
        ({"start": "2026-10-02", "end": "2026-10-01"}, "The range ends before it begins"),
        ({**EU, "filter.0.kind": "number"}, "Enter a number with a point"),
    ],
)
def test_what_cannot_be_compared_is_said_and_nothing_begins(meter: Meter, fields: dict[str, str], sentence: str) -> None:
    answer = post(world.signed_in("operator"), meter, "start", **fields)

    assert sentence in answer.content.decode()
    assert not Job.objects.exists()


def test_what_was_tried_is_kept_until_one_begins_again(meter: Meter) -> None:
    client = world.signed_in("operator")
    post(client, meter, "", over_property="size")

    assert 'value="size"' in client.get(address(meter)).content.decode()
    post(client, meter, "again")
    assert 'value="size"' not in client.get(address(meter)).content.decode()
