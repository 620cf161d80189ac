"""What beat and an operator start."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from access.actors import COMMAND
from core import deployment
from core.deployment import ZoneChanged
from core.models import BillingDay, Deployment
from core.periods import Period, Zones
from events import epoch
from events.models import EventVoid
from meters import rollup, tasks, void
from meters.models import Meter, UsageDay
from meters.usage import UsageRequest, quantities
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().strip()


def test_usage_is_rolled_up_and_counted_again() -> None:
    acme, meter = factories.customer(), factories.meter()
    log(acme, NOW)
    assert tasks.roll() == 1
    log(acme, NOW)

    assert said("roll") == "1 events read."
    assert said("rebuild_usage", meter.public_id) == "1 meters counted again from 2 events."
    assert said("rebuild_usage", "--all") == "1 meters counted again from 2 events."
    assert UsageDay.objects.get().event_count == 2


def test_an_unknown_meter_or_none_is_an_error() -> None:
    with pytest.raises(CommandError, match="No meter has the id mtr_x"):
        call_command("rebuild_usage", "mtr_x")
    with pytest.raises(CommandError, match="--all"):
        call_command("rebuild_usage")


def test_a_meter_that_fails_is_named() -> None:
    meter = factories.meter()
    Meter.objects.update(filter={"conjunction": "nor", "clauses": []})
    log(factories.customer(), NOW)

    with pytest.raises(CommandError, match=meter.public_id):
        call_command("roll")


@pytest.mark.parametrize("command", [["roll"], ["rebuild_usage", "--all"]])
def test_after_a_restore_commands_say_what_to_run(command: list[str]) -> None:
    Deployment.objects.update(system_identifier="1")

    with pytest.raises(CommandError, match="after_restore"):
        call_command(*command)


def test_beat_rolls_every_few_seconds() -> None:
    assert settings.CELERY_BEAT_SCHEDULE["usage"]["task"] == tasks.roll.name
    assert settings.CELERY_BEAT_SCHEDULE["usage"]["schedule"] == settings.ROLL_SECONDS


def test_another_billing_zone_counts_usage_by_its_own_days(settings: Any) -> None:
    acme, meter = factories.customer(), factories.meter()
    log(acme, NOW.replace(hour=20))
    rollup.roll(now=NOW)
    factories.meter()
    settings.BILLING_TIME_ZONE = "Asia/Tokyo"

    assert "Asia/Tokyo is the billing zone now; 1 events" in said("change_billing_zone", "Asia/Tokyo")
    assert [(row.meter_id == meter.id, row.day_id.day, row.event_count) for row in UsageDay.objects.order_by("meter_id")] == [
        (True, 16, 1),
        (False, 16, 1),
    ]
    assert BillingDay.objects.get().starts_at.hour == 15
    deployment.check_zone()
    zones = deployment.billing_zone()
    assert isinstance(zones, Zones)
    assert (zones.name, [one.name for one in zones.former]) == ("Asia/Tokyo", ["UTC"])
    assert "nothing to do" in said("change_billing_zone", "Asia/Tokyo")
    with pytest.raises(CommandError, match="set it to Asia/Seoul"):
        call_command("change_billing_zone", "Asia/Seoul")


def test_a_process_of_the_former_zone_counts_nothing_by_its_days(settings: Any) -> None:
    acme, meter = factories.customer(), factories.meter()
    event = factories.event(log(acme, NOW))
    asked = UsageRequest(meter.id, acme.id, Period(NOW, NOW + timedelta(days=2)))
    factories.billing_zone("Asia/Tokyo", settings)
    settings.BILLING_TIME_ZONE = "UTC"

    for go_on in (
        lambda: rollup.roll(now=NOW),
        lambda: quantities(requests=[asked]),
        lambda: void.void(event=event, reason="r", actor=COMMAND, now=NOW),
    ):
        with pytest.raises(ZoneChanged, match="Start every process with Asia/Tokyo"):
            go_on()
    assert not UsageDay.objects.exists()
    assert not EventVoid.objects.exists()


def test_without_a_restore_no_epoch_begins() -> None:
    assert epoch.start_next() is None
    assert said("after_restore") == "This is the cluster that it was; nothing to do."
    assert rollup.roll(now=NOW) == rollup.RollReport()
