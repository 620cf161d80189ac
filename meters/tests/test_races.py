"""Voids, archiving and new meters while others roll: whatever the order, usage equals the log."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, connections

from access.actors import Actor
from core.faults import striking
from core.periods import FOREVER, Period
from meters import define, rollup, void
from meters.definition import ALWAYS
from meters.models import Meter, RollPosition
from meters.usage import UsageRequest, quantities, recompute
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

TESTER = Actor("system", "test")


def at_once(*works: Callable[[], None]) -> None:
    """Run each in a thread with a connection of its own; the first failure is raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def somebody_waits_for_a_lock() -> None:
    """Return once a transaction waits for another."""
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone() == (True,):
                return
            time.sleep(0.01)
    raise TimeoutError("nobody waits for a lock")


def test_ingest_rolls_voids_and_new_meters_at_once_end_in_the_right_usage() -> None:
    customers = [factories.customer() for _number in range(3)]
    factories.meter("sum", "n")
    events = [log(customers[0], NOW, {"n": 1}) for _number in range(15)]
    done = threading.Event()

    def ingest() -> None:
        for number in range(60):
            log(customers[number % 3], NOW + timedelta(minutes=number), {"n": number})

    def roll() -> None:
        while not done.is_set():
            rollup.roll(now=NOW, size=7)

    def act() -> None:
        try:
            for event_id in events:
                event = factories.event(event_id)
                void.void(event=event, reason="", actor=TESTER, now=NOW)
                quantities(requests=requests())
                if event.arrival % 2:
                    void.unvoid(event=event, reason="", actor=TESTER, now=NOW)
            for kind in ("max", "last", "count"):
                meter = factories.meter(kind, None if kind == "count" else "n")
                define.archive(meter=meter, now=NOW + timedelta(minutes=30))
                define.unarchive(meter=meter, now=NOW + timedelta(minutes=40))
        finally:
            done.set()

    def requests() -> list[UsageRequest]:
        everything = Period(ALWAYS, FOREVER)
        return [UsageRequest(meter.id, customer.id, everything) for meter in Meter.objects.all() for customer in customers]

    at_once(ingest, roll, roll, act)
    rollup.roll_all(now=NOW)

    assert quantities(requests=requests()).quantities == recompute(requests=requests())
    assert not RollPosition.objects.filter(meter__isnull=False).exists()


def test_an_archive_that_waited_for_a_rebuild_knows_how_far_the_meter_is_counted_now() -> None:
    acme, meter = factories.customer(), factories.meter("sum", "n")
    for hour in range(3):
        log(acme, NOW + timedelta(hours=hour), {"n": 1})
    rollup.roll_all(now=NOW)
    forgotten, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        forgotten.set()
        assert may_end.wait(20)

    def archive() -> None:
        assert forgotten.wait(20)
        define.archive(meter=meter, now=NOW + timedelta(hours=2))

    def end() -> None:
        somebody_waits_for_a_lock()
        may_end.set()

    with striking("rebuild: forgotten", hold):
        at_once(lambda: rollup.rebuild(meter=meter), archive, end)
    rollup.roll_all(now=NOW)

    asked = [UsageRequest(meter.id, acme.id, Period(ALWAYS, FOREVER))]
    assert quantities(requests=asked).quantities == recompute(requests=asked)
