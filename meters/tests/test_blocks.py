"""Days of the past are added up once nothing changes in them any more, and never stand beside days that say something else."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F

from access.actors import Actor
from core.faults import striking
from core.periods import Period
from meters import blocks, define, rollup, series, tasks, void
from meters.models import Meter, MeterBlock, RollPosition, UsageBlock
from meters.usage import Quantity, UsageRequest, quantities
from tests import factories
from tests.factories import log

pytestmark = pytest.mark.django_db(transaction=True)

TESTER = Actor("system", "test")
LATER = datetime(2100, 1, 1, tzinfo=UTC)
# Sixty days that make a block, and so four of fifteen and twelve of five.
FIRST = date(2026, 9, 2)
ALL = Period(datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
DAY = timedelta(days=1)


def at(day: int, hour: int = 12) -> datetime:
    """Give an hour of a day, counted from the first of the large block."""
    return ALL.start + day * DAY + timedelta(hours=hour)


def by_customer(meter: Meter, period: Period = ALL) -> dict[int | None, Any]:
    return {row.customer_id: row.quantity for row in series.by_customer(meter_id=meter.pk, period=period)}


def added_up() -> list[tuple[date, int]]:
    """List the blocks that are added up: the first day and how many there are."""
    found = MeterBlock.objects.filter(is_added_up=True).order_by("first_day", "end_day")
    return [(block.first_day, (block.end_day - block.first_day).days) for block in found]


def tamper(table: str, where: str = "true") -> None:
    """Make a table's rows say a thousand more, to see whether they are read."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET quantity_sum = quantity_sum + 1000 WHERE {where}")


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Start this in a thread with a connection of its own."""

    def run() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def rolled() -> tuple[Meter, int]:
    """A meter and a customer who used 1, 2, 4 on the days 0, 6 and 20, rolled up."""
    customer, meter = factories.customer(), factories.meter("sum", "n")
    for n, day in ((1, 0), (2, 6), (4, 20)):
        log(customer, at(day), {"n": n})
    rollup.roll_all(now=LATER)
    return meter, customer.id


def test_blocks_of_5_15_and_60_days_are_added_up(rolled: tuple[Meter, int]) -> None:
    assert blocks.add_up(now=LATER) == 6

    assert added_up() == [
        (FIRST, 5),
        (FIRST, 15),
        (FIRST, 60),
        (date(2026, 9, 7), 5),
        (date(2026, 9, 17), 15),
        (date(2026, 9, 22), 5),
    ]
    rows = UsageBlock.objects.order_by("block__first_day", "block__end_day")
    assert [(row.event_count, row.quantity_sum, row.latest_day.day) for row in rows] == [
        (1, 1, 2),
        (2, 3, 8),
        (3, 7, 22),
        (1, 2, 8),
        (1, 4, 22),
        (1, 4, 22),
    ]
    assert blocks.add_up(now=LATER) == 0


def test_a_block_is_added_up_when_it_is_over_and_quiet(rolled: tuple[Meter, int]) -> None:
    over = datetime(2026, 9, 7, tzinfo=UTC)
    second = timedelta(seconds=1)
    MeterBlock.objects.update(changed_at=over - DAY)

    assert blocks.add_up(now=over - second) == 0
    assert blocks.add_up(now=over) == 1
    assert added_up() == [(FIRST, 5)]

    MeterBlock.objects.update(is_added_up=False, changed_at=over)
    assert blocks.add_up(now=over + blocks.QUIET) == 0
    assert blocks.add_up(now=over + blocks.QUIET + second) == 1


def test_the_largest_blocks_within_a_period_are_read_and_days_between_them(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    blocks.add_up(now=LATER)
    whole, from_day_1 = ALL, Period(ALL.start + DAY, ALL.end)
    without_the_end = Period(ALL.start, ALL.end - DAY)

    tamper("meters_usageblock", "latest_day - DATE '2026-09-02' = 20 AND event_count = 3")
    assert by_customer(meter, whole) == {customer: 1007}
    assert by_customer(meter, without_the_end) == {customer: 7}
    tamper("meters_usageblock", "event_count = 2")
    assert by_customer(meter, without_the_end) == {customer: 1007}
    assert by_customer(meter, from_day_1) == {customer: 6}
    tamper("meters_usageday", "day = '2026-09-02'")
    assert by_customer(meter, Period(ALL.start, ALL.start + DAY)) == {customer: 1001}
    assert by_customer(meter, from_day_1) == {customer: 6}
    tamper("meters_usageblock", "event_count = 1")
    assert by_customer(meter, from_day_1) == {customer: 2006}


def test_a_block_is_added_up_from_those_within_it_and_the_days_between_them(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    in_5, in_15, in_60 = (MeterBlock.objects.filter(end_day=F("first_day") + timedelta(days=days)) for days in (5, 15, 60))
    assert blocks.add_up(now=LATER) == 6
    in_60.update(is_added_up=False)
    in_15.filter(first_day=FIRST).update(is_added_up=False)
    in_5.filter(first_day=FIRST).update(is_added_up=False)
    tamper("meters_usageblock", "latest_day = '2026-09-08'")
    tamper("meters_usageday", "day = '2026-09-02'")

    assert blocks.add_up(now=LATER, at_most=2) == 2
    assert added_up() == [(FIRST, 5), (FIRST, 15), (date(2026, 9, 7), 5), (date(2026, 9, 17), 15), (date(2026, 9, 22), 5)]
    assert by_customer(meter, Period(ALL.start, at(15, 0))) == {customer: 2003}
    assert blocks.add_up(now=LATER) == 1
    assert by_customer(meter) == {customer: 2007}


@pytest.mark.parametrize("aggregation", ["count", "sum", "max", "last"])
def test_customers_come_to_the_same_by_blocks_by_days_and_one_by_one(aggregation: str) -> None:
    meter = factories.meter(aggregation, None if aggregation == "count" else "n")
    customers = [factories.customer() for _each in range(4)]
    for number, customer in enumerate(customers):
        for day in range(number, 33, number + 1):
            log(customer, at(day), {"n": Decimal(day % 7) / 10})
    rollup.roll_all(now=LATER)
    periods = [Period(at(start, 0), at(end, 12)) for start in (0, 3, 7) for end in (9, 16, 31, 40)]
    requests = [UsageRequest(meter.pk, customer.id, period) for period in periods for customer in customers]
    one_by_one = quantities(requests=requests).quantities

    def all_at_once() -> dict[UsageRequest, Quantity]:
        return {
            UsageRequest(meter.pk, row.customer_id, period): Quantity(row.quantity, row.event_count)
            for period in periods
            for row in series.by_customer(meter_id=meter.pk, period=period)
            if row.customer_id
        }

    assert all_at_once() == one_by_one
    blocks.add_up(now=LATER)
    assert added_up()
    assert all_at_once() == one_by_one


def test_an_event_of_a_day_added_up_shows_at_once_and_when_it_is_rolled_and_added_up_again(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    blocks.add_up(now=LATER)
    log(customer, at(6), {"n": 8})

    assert by_customer(meter) == {customer: 15}
    rollup.roll_all(now=LATER)
    assert by_customer(meter) == {customer: 15}
    assert added_up() == [(FIRST, 5), (date(2026, 9, 17), 15), (date(2026, 9, 22), 5)]
    assert blocks.add_up(now=LATER) == 3
    assert by_customer(meter) == {customer: 15}


def test_a_void_and_its_end_show_at_once_in_a_day_added_up(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    event = factories.event(log(customer, at(6), {"n": 8}))
    rollup.roll_all(now=LATER)
    blocks.add_up(now=LATER)

    void.void(event=event, reason="", actor=TESTER, now=LATER)
    assert by_customer(meter) == {customer: 7}
    blocks.add_up(now=LATER)
    void.unvoid(event=event, reason="", actor=TESTER, now=LATER)
    assert by_customer(meter) == {customer: 15}


def test_a_day_whose_events_are_all_void_is_in_no_block() -> None:
    customer, other, meter = factories.customer(), factories.customer(), factories.meter("last", "n")
    log(customer, at(1), {"n": 1})
    log(other, at(3), {"n": 4})
    event = factories.event(log(customer, at(3), {"n": 2}))
    rollup.roll_all(now=LATER)
    void.void(event=event, reason="", actor=TESTER, now=LATER)
    expected = [(other.id, 4, 1), (customer.id, 1, 1)]
    assert [
        (row.customer_id, row.quantity, row.event_count) for row in series.by_customer(meter_id=meter.pk, period=ALL)
    ] == expected

    blocks.add_up(now=LATER)

    rows = UsageBlock.objects.filter(customer=customer)
    assert set(rows.values_list("event_count", "latest_day")) == {(1, date(2026, 9, 3))}
    assert [
        (row.customer_id, row.quantity, row.event_count) for row in series.by_customer(meter_id=meter.pk, period=ALL)
    ] == expected


def test_a_meter_counted_again_and_one_archived_in_the_past_forget_their_blocks(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    blocks.add_up(now=LATER)
    define.archive(meter=meter, now=at(10))
    assert by_customer(meter) == {customer: 3}

    blocks.add_up(now=LATER)
    rollup.rebuild(meter=meter)
    assert not MeterBlock.objects.exists()
    assert not UsageBlock.objects.exists()
    rollup.roll_all(now=LATER)
    assert by_customer(meter) == {customer: 3}


def test_a_meter_that_catches_up_is_left_alone_until_it_has(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    rollup.rebuild(meter=meter)
    rollup.roll(now=LATER, size=1)

    with transaction.atomic():
        RollPosition.objects.select_for_update().get(meter=meter)  # as a roller holds it
        adder = in_thread(lambda: blocks.add_up(now=LATER))
        adder.join(5)
        assert not adder.is_alive()
    assert added_up() == []
    assert MeterBlock.objects.count() == 3
    rollup.roll_all(now=LATER)
    assert blocks.add_up(now=LATER) == 6
    assert by_customer(meter) == {customer: 7}


def test_adding_up_waits_for_a_roller_that_has_not_ended(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled
    log(customer, at(6), {"n": 8})
    written, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        written.set()
        assert may_end.wait(20)

    with striking("roll: before commit", hold):
        roller = in_thread(lambda: rollup.roll(now=LATER))
        assert written.wait(20)
        adder = in_thread(lambda: blocks.add_up(now=LATER))
        adder.join(0.5)
        assert adder.is_alive()
        may_end.set()
        roller.join()
    adder.join()

    assert added_up()
    assert by_customer(meter) == {customer: 15}


def test_a_process_struck_down_has_added_nothing_up(rolled: tuple[Meter, int]) -> None:
    meter, customer = rolled

    def strike() -> None:
        raise KeyboardInterrupt

    with striking("blocks: added up", strike), pytest.raises(KeyboardInterrupt):
        blocks.add_up(now=LATER)

    assert added_up() == []
    assert not UsageBlock.objects.exists()
    assert by_customer(meter) == {customer: 7}


def test_two_who_add_up_at_once_do_it_once(rolled: tuple[Meter, int]) -> None:
    done: list[int] = []

    threads = [in_thread(lambda: done.append(blocks.add_up(now=LATER))) for _worker in range(3)]
    for thread in threads:
        thread.join()

    assert sum(done) == 6
    assert UsageBlock.objects.count() == 6


def test_a_turn_ends_with_the_block_in_which_it_is_over(rolled: tuple[Meter, int]) -> None:
    assert blocks.add_up(now=LATER, turn=timedelta(seconds=-1)) == 0
    assert blocks.add_up(now=LATER, turn=timedelta(minutes=1)) == 6


def test_beat_adds_up_every_minute(settings: Any) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["blocks of days"]
    assert (entry["task"], entry["schedule"]) == (tasks.add_up.name, 60)
    assert tasks.add_up() == 0
