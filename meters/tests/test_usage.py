"""Usage is exact at the moment of asking, and equals a recomputation from raw events."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from access.actors import Actor
from core.periods import FOREVER, Period
from customers.models import Customer
from meters import define, rollup, void
from meters.definition import ALWAYS
from meters.models import Meter, RollPosition, UsageDay
from meters.usage import Quantity, UsageRequest, quantities, recompute
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TESTER = Actor("system", "test")
ALL_TIME = Period(ALWAYS, FOREVER)


def asked(meter: Meter, customer: Customer, period: Period = ALL_TIME) -> UsageRequest:
    return UsageRequest(meter.id, customer.id, period)


def quantity(meter: Meter, customer: Customer, period: Period = ALL_TIME) -> Quantity:
    request = asked(meter, customer, period)
    return quantities(requests=[request]).quantities[request]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("count", 3), ("sum", Decimal("6.5")), ("max", 4), ("last", 2)],
)
@pytest.mark.parametrize("rolled", [0, 2, 3])
def test_rolled_and_unrolled_events_count_alike(aggregation: str, expected: Any, rolled: int) -> None:
    acme, other = factories.customer(), factories.customer()
    meter = factories.meter(aggregation, None if aggregation == "count" else "n")
    log(other, NOW, {"n": 100})
    for number, n in enumerate([Decimal("0.5"), 4, 2]):
        if number == rolled:
            rollup.roll(now=NOW)
        log(acme, NOW + number * HOUR, {"n": n})

    assert quantity(meter, acme) == Quantity(Decimal(expected), 3)


def test_nothing_is_zero_for_count_and_sum_and_no_value_for_max_and_last() -> None:
    acme = factories.customer()
    meters = [factories.meter(name, None if name == "count" else "n") for name in ("count", "sum", "max", "last")]

    answer = quantities(requests=[asked(meter, acme) for meter in meters]).quantities

    assert list(answer.values()) == [Quantity(Decimal(0), 0)] * 2 + [Quantity(None, 0)] * 2


def test_a_statement_that_is_kept_for_whole_days_is_not_taken_for_parts_of_them() -> None:
    acme, meter, midnight = factories.customer(), factories.meter("count", None), NOW.replace(hour=0, minute=0)
    log(acme, midnight + DAY - HOUR)
    rollup.roll(now=NOW)
    starts = [midnight, midnight + HOUR, midnight + DAY - HOUR, midnight + DAY]

    assert [quantity(meter, acme, Period(start, midnight + 3 * DAY)).event_count for start in starts] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (NOW, NOW + HOUR, 1),
        (NOW - timedelta(microseconds=1), NOW, 0),
        (NOW, NOW + timedelta(microseconds=1), 1),
        (NOW + timedelta(microseconds=1), NOW + 3 * DAY, 3),
        (NOW, NOW + 3 * DAY, 4),
        (NOW, NOW + 3 * DAY + timedelta(microseconds=1), 5),
        (NOW - 12 * HOUR, NOW + 12 * HOUR, 3),
        (NOW - 3 * DAY, NOW - DAY, 0),
    ],
)
def test_periods_are_exact_to_the_microsecond_and_half_open(start: datetime, end: datetime, count: int) -> None:
    acme = factories.customer()
    meter = factories.meter()
    for hours in (0, 1, 11, 30, 72):
        log(acme, NOW + hours * HOUR)
    rollup.roll(now=NOW)

    assert quantity(meter, acme, Period(start, end)).event_count == count


def test_many_requests_are_answered_in_one_statement(django_assert_max_num_queries: Any) -> None:
    customers = [factories.customer() for _number in range(20)]
    meters = [factories.meter(), factories.meter("sum", "n")]
    for number, customer in enumerate(customers):
        for _event in range(number):
            log(customer, NOW, {"n": 2})
    rollup.roll(now=NOW)
    requests = [asked(meter, customer) for meter in meters for customer in customers]

    with django_assert_max_num_queries(4):
        answer = quantities(requests=requests)

    assert [answer.quantities[request].quantity for request in requests] == [*range(20), *range(0, 40, 2)]


def test_a_meter_that_is_still_catching_up_answers_exactly() -> None:
    acme = factories.customer()
    for number in range(5):
        log(acme, NOW + number * DAY)
    rollup.roll_all(now=NOW)
    meter = factories.meter()
    rollup.roll(now=NOW, size=2)
    assert RollPosition.objects.filter(meter=meter).exists()

    assert quantity(meter, acme).event_count == 5
    assert quantity(meter, acme, Period(NOW + HOUR, NOW + 2 * DAY)).event_count == 1


def test_a_void_shows_at_once_and_can_be_taken_back() -> None:
    acme = factories.customer()
    meters = [factories.meter(), factories.meter("sum", "n"), factories.meter("max", "n"), factories.meter("last", "n")]
    log(acme, NOW, {"n": 1})
    event = factories.event(log(acme, NOW, {"n": 5}))
    unrolled = log(acme, NOW, {"n": 7})
    rollup.roll(now=NOW)

    def now() -> list[Any]:
        return [quantity(meter, acme).quantity for meter in meters]

    assert now() == [3, 13, 7, 7]
    void.void(event=factories.event(unrolled), reason="twice", actor=TESTER, now=NOW)
    assert now() == [2, 6, 5, 5]
    void.void(event=event, reason="wrong", actor=TESTER, now=NOW)
    assert now() == [1, 1, 1, 1]
    void.unvoid(event=event, reason="right after all", actor=TESTER, now=NOW)
    assert now() == [2, 6, 5, 5]


def test_a_void_before_the_roll_is_never_counted() -> None:
    acme = factories.customer()
    meter = factories.meter()
    void.void(event=factories.event(log(acme, NOW)), reason="", actor=TESTER, now=NOW)
    rollup.roll(now=NOW)

    assert quantity(meter, acme) == Quantity(Decimal(0), 0)


@pytest.mark.parametrize("rolled", [True, False])
def test_a_void_shows_in_its_buckets_position_also_before_the_roll(rolled: bool) -> None:
    acme, meter = factories.customer(), factories.meter()
    others = factories.meter(filter={"conjunction": "and", "clauses": [{"key": "n", "operator": "equals", "value": 1}]})
    event = factories.event(log(acme, NOW))
    if rolled:
        rollup.roll(now=NOW)
    act = void.void(event=event, reason="", actor=TESTER, now=NOW)
    act.refresh_from_db()

    row = UsageDay.objects.get()
    assert (row.meter_id, row.event_count, row.log_epoch, row.log_xid) == (meter.id, 0, 1, act.log_xid)
    rollup.roll(now=NOW)
    assert UsageDay.objects.get().log_xid == act.log_xid
    assert quantity(others, acme) == quantity(meter, acme) == Quantity(Decimal(0), 0)


def test_what_is_void_cannot_be_voided_again() -> None:
    factories.meter()
    event = factories.event(log(factories.customer(), NOW))
    with pytest.raises(void.EventNotVoid):
        void.unvoid(event=event, reason="", actor=TESTER, now=NOW)
    void.void(event=event, reason="", actor=TESTER, now=NOW)

    with pytest.raises(void.EventAlreadyVoid):
        void.void(event=event, reason="", actor=TESTER, now=NOW)


def test_an_archived_meter_counts_by_the_event_timestamp() -> None:
    acme = factories.customer()
    meter = factories.meter()
    log(acme, NOW - HOUR)
    log(acme, NOW + HOUR)
    rollup.roll(now=NOW)
    assert quantity(meter, acme).event_count == 2

    define.archive(meter=meter, now=NOW)
    assert quantity(meter, acme).event_count == 1
    log(acme, NOW - 2 * HOUR)
    log(acme, NOW)
    rollup.roll(now=NOW)
    assert quantity(meter, acme).event_count == 2

    define.unarchive(meter=meter, now=NOW + HOUR)
    assert quantity(meter, acme).event_count == 3


def test_an_earlier_snapshot_counts_what_its_statement_saw() -> None:
    acme = factories.customer()
    meter = factories.meter()
    early = factories.event(log(acme, NOW))
    before = quantities(requests=[asked(meter, acme)])
    log(acme, NOW)
    void.void(event=early, reason="", actor=TESTER, now=NOW)
    after = quantities(requests=[asked(meter, acme)])
    void.unvoid(event=early, reason="", actor=TESTER, now=NOW)
    restored = quantities(requests=[asked(meter, acme)])

    answers = (before, after, restored)
    assert [answer.quantities[asked(meter, acme)].event_count for answer in answers] == [1, 1, 2]
    for answer in answers:
        assert quantities(requests=[asked(meter, acme)], at=answer.snapshot) == answer
        assert recompute(requests=[asked(meter, acme)], at=answer.snapshot) == answer.quantities


def test_no_requests_still_give_a_snapshot() -> None:
    answer = quantities(requests=[])

    assert answer.quantities == {}
    assert answer.snapshot.epoch == 1
