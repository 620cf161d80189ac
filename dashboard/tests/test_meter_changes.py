from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.periods import FOREVER, Period
from dashboard.tests import world
from meters import define, rollup, stored
from meters.definition import ALWAYS
from meters.models import Meter
from tests import factories
from tests.factories import NOW


@pytest.fixture
def operator(db: None) -> Client:
    return world.signed_in("operator")


def address(name: str, meter: Meter) -> str:
    return reverse(f"dashboard:{name}", args=[meter.public_id])


def test_name_unit_and_description_change_also_once_it_has_counted(operator: Client) -> None:
    meter = factories.meter()
    factories.log(factories.customer(), NOW)
    rollup.roll(now=NOW)

    operator.post(address("meter_edit", meter), {"name": "Words", "measurement_unit": "word", "description": "Ours"})

    meter.refresh_from_db()
    assert (meter.name, meter.measurement_unit, meter.description, meter.event_name) == ("Words", "word", "Ours", "tokens")


@pytest.mark.parametrize(("name", "said"), [("", "This field is required"), ("\u200b", "at least one visible character")])
def test_what_is_missing_is_said_and_nothing_saved(operator: Client, name: str, said: str) -> None:
    meter = factories.meter()

    answer = operator.post(address("meter_edit", meter), {"name": name, "measurement_unit": "word"})

    assert said in answer.content.decode()
    assert Meter.objects.get().measurement_unit == "token"


def test_archiving_says_whom_it_concerns_and_then_ends_the_interval(operator: Client) -> None:
    calls = world.meter()
    world.subscription(world.customer("Papaya"), world.product(calls), calls)
    before = timezone.now()

    page = operator.get(address("meter_archive", calls)).content.decode()
    answer = operator.post(address("meter_archive", calls), follow=True).content.decode()

    assert "1 subscription carries it" in page
    assert "Papaya" in page
    assert "until further notice" in page
    assert "API calls is archived" in answer
    (interval,) = stored.activity([calls.pk])[calls.pk]
    assert interval.start == ALWAYS
    assert before <= interval.end <= timezone.now()


def test_bringing_back_opens_an_interval_and_the_gap_is_shown(operator: Client) -> None:
    meter = factories.meter()
    define.archive(meter=meter, now=NOW)

    page = operator.get(address("meter_unarchive", meter)).content.decode()
    operator.post(address("meter_unarchive", meter))

    assert "stay uncounted" in page
    first, second = stored.activity([meter.pk])[meter.pk]
    assert first == Period(ALWAYS, NOW)
    assert second.end == FOREVER
    assert timezone.now() - second.start < timedelta(minutes=1)
    again = operator.post(address("meter_unarchive", meter), follow=True).content.decode()
    assert "was not archived" in again
    assert "Archive" in again


def test_a_viewer_is_shown_no_way_to_change(db: None) -> None:
    meter = factories.meter()

    page = world.signed_in("viewer").get(address("meter", meter)).content.decode()

    assert "/edit" not in page
    assert "/archive" not in page
