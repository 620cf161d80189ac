"""Whatever happens, in whatever order, and whoever is struck down meanwhile: usage equals a recomputation from raw events."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.actors import Actor
from core.faults import striking
from core.periods import FOREVER, Period
from meters import blocks, define, query, rollup, series, void
from meters.definition import ALWAYS
from meters.models import Meter, RollPosition
from meters.usage import Quantity, UsageRequest, quantities, recompute
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TESTER = Actor("system", "test")
ALL_TIME = Period(ALWAYS, FOREVER)
MUCH_LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Struck(BaseException):
    """Stands for a kill."""


def strike() -> None:
    raise Struck


PLACES = [
    "roll: counted",
    "roll: before commit",
    "roll: own counted",
    "roll: before joining",
    "void: written",
    "recount: one meter",
    "blocks: added up",
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.integers(0, 2), st.integers(-100, 100), st.sampled_from([1, 2, Decimal("0.1"), "1", None])),
        st.tuples(st.just("again"), st.integers(0, 100)),
        st.tuples(st.just("roll"), st.integers(1, 5)),
        st.tuples(st.just("crash"), st.sampled_from(PLACES), st.integers(1, 5), st.integers(0, 100)),
        st.tuples(st.just("act"), st.integers(0, 100)),
        st.tuples(st.just("add_up"), st.integers(1, 9)),
        st.tuples(st.just("meter"), st.sampled_from(["count", "sum", "max", "last"])),
        st.tuples(st.just("archive"), st.integers(0, 5)),
        st.tuples(st.just("rebuild"), st.integers(0, 5)),
    ),
    min_size=5,
    max_size=30,
)


class Story:
    """One example's own corner of the database: three customers and an event name that no other example uses."""

    made = 0

    def __init__(self) -> None:
        Story.made += 1
        self.name = f"story-{Story.made}"
        self.customers = [factories.customer() for _number in range(3)]
        self.events: list[str] = []
        self.meters = [self.meter("sum")]
        self.clock = NOW

    def meter(self, aggregation: str) -> Meter:
        return factories.meter(aggregation, None if aggregation == "count" else "n", event_name=self.name)

    def do(self, step: tuple[Any, ...]) -> None:
        self.clock += timedelta(minutes=1)
        getattr(self, f"do_{step[0]}")(*step[1:])

    def do_log(self, customer: int, quarters: int, n: Any) -> None:
        metadata = {} if n is None else {"n": n}
        self.events.append(log(self.customers[customer], self.clock + quarters * timedelta(minutes=97), metadata, name=self.name))

    def do_again(self, number: int) -> None:
        if self.events:
            log(self.customers[0], self.clock, {"n": 99}, name=self.name, event_id=self.events[number % len(self.events)])

    def do_roll(self, size: int) -> None:
        rollup.roll(now=self.clock, size=size)

    def do_crash(self, place: str, size: int, number: int) -> None:
        with striking(place, strike):
            try:
                self.do_roll(size)
                self.do_act(number)
                self.do_add_up(number)
            except Struck:
                pass

    def do_act(self, number: int) -> None:
        if not self.events:
            return
        event = factories.event(self.events[number % len(self.events)])
        try:
            void.void(event=event, reason="", actor=TESTER, now=self.clock)
        except void.EventAlreadyVoid:
            void.unvoid(event=event, reason="", actor=TESTER, now=self.clock)

    def do_add_up(self, at_most: int) -> None:
        blocks.add_up(now=MUCH_LATER, at_most=at_most)

    def do_meter(self, aggregation: str) -> None:
        if len(self.meters) < 6:
            self.meters.append(self.meter(aggregation))

    def do_archive(self, number: int) -> None:
        meter = self.meters[number % len(self.meters)]
        try:
            define.archive(meter=meter, now=self.clock)
        except define.MeterAlreadyArchived:
            define.unarchive(meter=meter, now=self.clock)

    def do_rebuild(self, number: int) -> None:
        rollup.rebuild(meter=self.meters[number % len(self.meters)])

    def requests(self) -> list[UsageRequest]:
        periods = [
            ALL_TIME,
            Period(NOW - 3 * DAY - HOUR, NOW + 2 * DAY + HOUR),
            Period(datetime(2026, 10, 14, tzinfo=UTC), datetime(2026, 10, 17, tzinfo=UTC)),
            Period(NOW, NOW + HOUR),
        ]
        return [
            UsageRequest(meter.id, customer.id, period)
            for meter in self.meters
            for customer in self.customers
            for period in periods
        ]


def check_customers_tabs(recomputed: Mapping[UsageRequest, Quantity]) -> None:
    """Ask for all customers at once, which reads blocks of days where they are added up."""
    expected: dict[tuple[int, Period], dict[int, Quantity]] = {}
    for request, answer in recomputed.items():
        of_customers = expected.setdefault((request.meter_id, request.period), {})
        if answer.event_count:
            of_customers[request.customer_id] = answer
    for (meter_id, period), of_customers in expected.items():
        rows = series.by_customer(meter_id=meter_id, period=period)
        assert {row.customer_id: Quantity(row.quantity, row.event_count) for row in rows} == of_customers


@given(STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_rollup_and_tail_equal_a_recomputation_whatever_happens(steps: list[tuple[Any, ...]]) -> None:
    story = Story()
    for step in steps:
        story.do(step)

        requests = story.requests()
        recomputed = recompute(requests=requests)
        assert quantities(requests=requests).quantities == recomputed
        with patch.object(query, "FEW", 0):  # the tail of all customers together
            assert quantities(requests=requests).quantities == recomputed
        check_customers_tabs(recomputed)

    rollup.roll_all(now=story.clock)
    story.do_add_up(100)
    assert quantities(requests=requests).quantities == recompute(requests=requests)
    check_customers_tabs(recompute(requests=requests))
    assert rollups() == rebuilt(story.meters)


def rollups() -> list[tuple[Any, ...]]:
    """Every bucket that holds something, of both tables."""
    columns = "event_count, quantity_sum, quantity_max, latest_quantity, latest_at"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT meter_id, customer_id::text, day::text, {columns} FROM meters_usageday WHERE event_count > 0
            UNION ALL SELECT meter_id, '', starts_at::text, {columns} FROM meters_meterquarter WHERE event_count > 0
            ORDER BY 1, 2, 3"""
        )
        return cursor.fetchall()


def rebuilt(meters: list[Meter]) -> list[tuple[Any, ...]]:
    """The same after these meters were counted again from the beginning."""
    for meter in meters:
        rollup.rebuild(meter=meter)
    rollup.roll_all(now=NOW)
    assert not RollPosition.objects.filter(meter__isnull=False).exists()
    return rollups()
