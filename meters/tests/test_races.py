"""Voids, archiving and new meters while others roll: whatever the order, usage equals the log."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections

from access.actors import Actor
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
