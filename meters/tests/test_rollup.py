"""Rollups count each event once and equal the log, whoever rolls, fails or is killed."""

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from access.actors import Actor
from core import database, deployment
from core.deployment import ZoneChanged
from core.faults import striking
from core.models import BillingDay, Deployment
from core.periods import Period
from meters import positions, rollup, void
from meters.models import Meter, MeterQuarter, RollPosition, UsageDay
from meters.usage import UsageRequest, quantities, recompute
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def days() -> list[tuple[Any, ...]]:
    """The whole of UsageDay, without positions."""
    fields = ("meter_id", "customer_id", "day_id", "event_count", "quantity_sum", "quantity_max", "latest_quantity", "latest_at")
    return list(UsageDay.objects.order_by("meter_id", "customer_id", "day_id").values_list(*fields))


def quarters() -> list[tuple[Any, ...]]:
    """The whole of MeterQuarter, without positions."""
    fields = ("meter_id", "starts_at", "event_count", "quantity_sum", "quantity_max", "latest_quantity")
    return list(MeterQuarter.objects.order_by("meter_id", "starts_at").values_list(*fields))


def test_each_aggregation_fills_its_own_column() -> None:
    acme = factories.customer()
    meters = [factories.meter(name, None if name == "count" else "n") for name in ("count", "sum", "max", "last")]
    for minute, n in enumerate([5, Decimal("0.1"), 3]):
        log(acme, NOW + minute * MINUTE, {"n": n})
    log(acme, NOW, {"n": "7"})

    report = rollup.roll(now=NOW)

    assert report == rollup.RollReport(event_count=4)
    today, latest = NOW.date(), NOW + 2 * MINUTE
    assert days() == [
        (meters[0].id, acme.id, today, 4, None, None, None, latest),
        (meters[1].id, acme.id, today, 3, Decimal("8.1"), None, None, latest),
        (meters[2].id, acme.id, today, 3, None, Decimal(5), None, latest),
        (meters[3].id, acme.id, today, 3, None, None, Decimal(3), latest),
    ]
    assert quarters() == [
        (meters[0].id, NOW, 4, None, None, None),
        (meters[1].id, NOW, 3, Decimal("8.1"), None, None),
        (meters[2].id, NOW, 3, None, Decimal(5), None),
        (meters[3].id, NOW, 3, None, None, Decimal(3)),
    ]


def test_a_second_round_adds_nothing() -> None:
    acme = factories.customer()
    factories.meter()
    log(acme, NOW)
    rollup.roll(now=NOW)
    before = days(), quarters()

    assert rollup.roll(now=NOW) == rollup.RollReport()
    assert (days(), quarters()) == before


def test_a_round_without_work_says_that_all_is_rolled_up_as_of_now() -> None:
    acme = factories.customer()
    log(acme, NOW)
    rollup.roll(now=NOW)

    rollup.roll(now=NOW + MINUTE)

    assert positions.live().rolled_at == NOW + MINUTE


def test_events_held_back_by_an_open_transaction_are_not_called_rolled_up() -> None:
    acme = factories.customer()
    log(acme, NOW)
    rollup.roll(now=NOW)
    with psycopg.connect(**database.parameters(application="test")) as slow:
        log(acme, NOW, cursor=slow.cursor())
        log(acme, NOW)

        rollup.roll(now=NOW + MINUTE)

    assert positions.live().rolled_at == NOW


def test_a_late_event_joins_its_bucket_and_last_stays_last() -> None:
    acme = factories.customer()
    factories.meter("last", "n")
    log(acme, NOW + MINUTE, {"n": 1})
    rollup.roll(now=NOW)
    log(acme, NOW - MINUTE, {"n": 2})
    log(acme, NOW, {"n": 3})
    rollup.roll(now=NOW)
    late = [row.latest_quantity for row in UsageDay.objects.all()]
    log(acme, NOW + MINUTE, {"n": 4})
    rollup.roll(now=NOW)

    assert late == [1]
    assert [row.latest_quantity for row in UsageDay.objects.all()] == [4]
    assert [(row.event_count, row.latest_quantity) for row in MeterQuarter.objects.order_by("starts_at")] == [(1, 2), (3, 4)]


def test_small_stretches_come_to_the_same_as_one_large() -> None:
    acme, other = factories.customer(), factories.customer()
    meter = factories.meter("sum", "n")
    for number in range(20):
        log(acme if number % 3 else other, NOW + number * 7 * MINUTE, {"n": number})
    rollup.roll_all(now=NOW, size=3)
    small = days(), quarters()

    rollup.rebuild(meter=meter)
    assert days() == []
    rollup.roll_all(now=NOW)

    assert (days(), quarters()) == small
    assert not RollPosition.objects.filter(meter=meter).exists()


def test_an_open_transaction_holds_the_position_back_and_loses_nothing() -> None:
    acme = factories.customer()
    meter = factories.meter()
    log(acme, NOW)
    rollup.roll(now=NOW)
    with psycopg.connect(**database.parameters(application="test")) as slow:
        log(acme, NOW, cursor=slow.cursor())
        log(acme, NOW)
        assert rollup.roll(now=NOW).event_count == 0
        slow.commit()

    rollup.roll(now=NOW)

    assert UsageDay.objects.get(meter=meter).event_count == 3


def test_a_meter_without_events_of_its_name_follows_the_others_at_once() -> None:
    meter = factories.meter()

    assert not RollPosition.objects.filter(meter=meter).exists()


def test_a_new_meter_counts_what_came_before_and_joins_the_others() -> None:
    acme = factories.customer()
    first = factories.meter()
    for number in range(10):
        log(acme, NOW + number * MINUTE)
    rollup.roll_all(now=NOW)
    second = factories.meter()
    assert RollPosition.objects.filter(meter=second).exists()

    rollup.roll(now=NOW, size=4)
    assert UsageDay.objects.get(meter=second).event_count == 4
    log(acme, NOW)
    rollup.roll_all(now=NOW, size=4)

    assert not RollPosition.objects.filter(meter=second).exists()
    assert [UsageDay.objects.get(meter=meter).event_count for meter in (first, second)] == [11, 11]


def test_a_meter_that_fails_is_set_apart_and_the_others_go_on() -> None:
    acme = factories.customer()
    good, bad = factories.meter(), factories.meter()
    Meter.objects.filter(id=bad.id).update(filter={"conjunction": "nor", "clauses": []})
    log(acme, NOW)

    report = rollup.roll(now=NOW)

    assert report == rollup.RollReport(event_count=1, failed=(bad.public_id,))
    assert UsageDay.objects.get().meter_id == good.id
    position = RollPosition.objects.get(meter=bad)
    assert position.failed_at == NOW
    assert position.failure.startswith("FilterInvalid: ")
    log(acme, NOW)
    assert rollup.roll(now=NOW) == rollup.RollReport(event_count=1)

    Meter.objects.filter(id=bad.id).update(filter=None)
    rollup.retry(meter=bad)
    rollup.roll_all(now=NOW)

    assert [row.event_count for row in UsageDay.objects.order_by("meter_id")] == [2, 2]


def test_a_meter_that_fails_while_it_catches_up_waits_for_a_person() -> None:
    acme = factories.customer()
    log(acme, NOW)
    bad = factories.meter()
    Meter.objects.filter(id=bad.id).update(filter={"conjunction": "nor", "clauses": []})

    assert rollup.roll(now=NOW).failed == (bad.public_id,)
    assert rollup.roll(now=NOW).failed == ()


def test_meters_that_catch_up_read_the_log_together() -> None:
    acme = factories.customer()
    for number in range(10):
        log(acme, NOW + number * MINUTE)
    rollup.roll_all(now=NOW)
    first = factories.meter()
    assert rollup.roll(now=NOW, size=4).event_count == 4
    second, third = factories.meter(), factories.meter("sum", "n")

    assert rollup.roll(now=NOW, size=6).event_count == 4
    assert len({positions.of(row) for row in RollPosition.objects.filter(meter__in=[first, second, third])}) == 1
    assert rollup.roll(now=NOW, size=6).event_count == 6
    rollup.roll(now=NOW, size=6)

    assert not RollPosition.objects.filter(meter__isnull=False).exists()
    assert [(row.meter_id, row.event_count) for row in UsageDay.objects.order_by("meter_id")] == [(first.id, 10), (second.id, 10)]


def test_a_meter_that_fails_does_not_hold_up_those_that_catch_up_with_it() -> None:
    acme = factories.customer()
    log(acme, NOW)
    good, bad, other = factories.meter(), factories.meter(), factories.meter()
    Meter.objects.filter(id=bad.id).update(filter={"conjunction": "nor", "clauses": []})

    assert rollup.roll(now=NOW).failed == (bad.public_id,)

    assert list(RollPosition.objects.filter(meter__isnull=False).values_list("meter", flat=True)) == [bad.id]
    assert [row.meter_id for row in UsageDay.objects.order_by("meter_id")] == [good.id, other.id]


@pytest.mark.parametrize("rolled", [True, False])
def test_an_unreadable_meter_lets_a_void_pass_and_is_counted_anew_once_it_is_mended(rolled: bool) -> None:
    acme = factories.customer()
    good, bad = factories.meter(), factories.meter()
    Meter.objects.filter(id=bad.id).update(filter={"conjunction": "nor", "clauses": []})
    log(acme, NOW)
    event = factories.event(log(acme, NOW))
    if rolled:
        rollup.roll(now=NOW)

    void.void(event=event, reason="", actor=Actor("system", "test"), now=NOW)

    assert RollPosition.objects.get(meter=bad).failure.startswith("FilterInvalid: ")
    request = UsageRequest(good.id, acme.id, Period(NOW, NOW + MINUTE))
    assert quantities(requests=[request]).quantities == recompute(requests=[request])
    Meter.objects.filter(id=bad.id).update(filter=None)
    rollup.retry(meter=bad)
    rollup.roll_all(now=NOW)
    assert [(row.meter_id, row.event_count) for row in UsageDay.objects.order_by("meter_id")] == [(good.id, 1), (bad.id, 1)]


PLACES = [
    "roll: days covered",
    "roll: before counting",
    "roll: counted",
    "roll: before commit",
    "roll: own counted",
    "roll: before joining",
]


class Struck(BaseException):
    """Stands for a kill: nothing catches it."""


def strike() -> None:
    raise Struck


@pytest.mark.parametrize("place", PLACES)
def test_a_crash_anywhere_leaves_all_or_nothing_of_a_round(place: str) -> None:
    acme = factories.customer()
    factories.meter("sum", "n")
    log(acme, NOW, {"n": 1})
    rollup.roll_all(now=NOW)
    factories.meter("count")
    for number in range(5):
        log(acme, NOW + number * MINUTE, {"n": number})

    with striking(place, strike), pytest.raises(Struck):
        rollup.roll_all(now=NOW, size=2)
    rollup.roll_all(now=NOW, size=2)

    assert [(row.event_count, row.quantity_sum) for row in UsageDay.objects.order_by("meter_id")] == [(6, 11), (6, None)]
    assert not RollPosition.objects.filter(meter__isnull=False).exists()


def test_a_process_of_another_zone_gives_up_no_meter_that_catches_up(settings: Any) -> None:
    log(factories.customer(), NOW)
    rollup.roll(now=NOW)
    factories.meter()
    settings.BILLING_TIME_ZONE = "Asia/Tokyo"

    with psycopg.connect(**database.parameters(application="test")) as other_roller:
        other_roller.execute("SELECT FROM meters_rollposition WHERE meter_id IS NULL FOR UPDATE")
        with pytest.raises(ZoneChanged):
            rollup.roll(now=NOW)

    assert [(row.failed_at, row.failure) for row in RollPosition.objects.filter(meter__isnull=False)] == [(None, "")]


def test_two_rollers_at_once_count_each_event_once() -> None:
    acme = factories.customer()
    factories.meter()
    for number in range(60):
        log(acme, NOW + number * MINUTE)
    factories.meter()

    def work() -> None:
        for _round in range(40):
            rollup.roll(now=NOW, size=3)
        connections.close_all()

    threads = [threading.Thread(target=work) for _worker in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rollup.roll_all(now=NOW)

    assert [row.event_count for row in UsageDay.objects.order_by("meter_id")] == [60, 60]


def test_days_of_the_billing_zone_have_23_and_25_hours(settings: Any) -> None:
    factories.billing_zone("Europe/Berlin", settings)
    acme = factories.customer()
    factories.meter()
    for date_, hour, minute in ((28, 22, 59), (28, 23, 0), (29, 21, 59), (29, 22, 0)):
        log(acme, NOW.replace(month=3, day=date_, hour=hour, minute=minute))
    rollup.roll(now=NOW)

    assert [(row.day_id.day, row.event_count) for row in UsageDay.objects.order_by("day_id")] == [(28, 1), (29, 2), (30, 1)]
    assert BillingDay.objects.get(date="2026-03-29").ends_at - BillingDay.objects.get(date="2026-03-29").starts_at == timedelta(
        hours=23
    )


def test_rollup_rows_carry_the_greatest_position_merged_into_them() -> None:
    acme = factories.customer()
    factories.meter()
    log(acme, NOW)
    event = factories.event(log(acme, NOW))
    rollup.roll(now=NOW)

    row = UsageDay.objects.get()
    assert (row.log_epoch, row.log_xid, row.log_arrival) == (1, event.log_xid, event.arrival)
    live = positions.live()
    assert positions.of(live) == positions.LogPosition(1, event.log_xid, event.arrival)


def test_rolling_waits_after_a_restore_until_the_next_epoch_is_started() -> None:
    Deployment.objects.update(system_identifier="another")

    with pytest.raises(deployment.ClusterChanged, match="after_restore"):
        rollup.roll(now=NOW)


def test_events_of_an_earlier_epoch_are_counted_before_those_of_the_next() -> None:
    acme = factories.customer()
    factories.meter()
    log(acme, NOW)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_deployment SET log_epoch = 2")
        cursor.execute("ALTER TABLE events_event DISABLE TRIGGER ALL")
        cursor.execute("UPDATE events_event SET log_xid = '9000000000', log_epoch = 1")
        cursor.execute("ALTER TABLE events_event ENABLE TRIGGER ALL")
        cursor.execute("ALTER TABLE events_event ALTER COLUMN log_epoch SET DEFAULT 2")
    try:
        log(acme, NOW)
        rollup.roll_all(now=NOW)
        assert UsageDay.objects.get().event_count == 2
        log(acme, NOW)
        rollup.roll_all(now=NOW)
        assert UsageDay.objects.get().event_count == 3
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE events_event ALTER COLUMN log_epoch SET DEFAULT 1")
