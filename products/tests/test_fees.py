"""Which part of which cycle's fee is due when."""

from datetime import date
from fractions import Fraction

import pytest

from core.periods import FOREVER, Interval, Period
from products.cycles import Phase, Schedule, first_phase
from products.fees import Course, due
from products.tests.making import utc

MONTH = Interval("Month", 1)
FIRST = first_phase(starts_at=utc("2026-01-01"), interval=MONTH, zone="UTC")
JANUARY_16 = utc("2026-01-16T12:00")


def parts(point, *later, ends_at=None, **more):
    course = Course(Schedule((FIRST, *later), "UTC", ends_at), **more)
    return [(one.cycle, f"{one.period.start:%m-%d}", f"{one.period.end:%m-%d}", one.part) for one in due(course, point)]


def changed(**more):
    return Phase(2, JANUARY_16, FIRST.anchor_date, MONTH, made_at=JANUARY_16, credits_fee=True, **more)


def test_a_fee_is_due_in_advance():
    assert parts(0) == [(1, "01-01", "02-01", 1)]
    assert parts(1) == [(2, "02-01", "03-01", 1)]


def test_a_date_that_is_moved_later_does_not_reduce_the_fee_of_the_cycle_that_runs():
    moved = Phase(2, utc("2026-01-11"), date(2026, 1, 11), MONTH, made_at=utc("2026-01-01T00:30"))

    assert parts(0, moved) == [(1, "01-01", "02-01", 1)]
    assert parts(1, moved) == [(2, "01-11", "02-11", 1)]


def test_a_date_that_was_moved_before_the_start_shortens_the_first_cycle_and_its_fee():
    moved = Phase(2, utc("2026-01-11"), date(2026, 1, 11), MONTH, made_at=utc("2025-12-20"))

    assert parts(0, moved) == [(1, "01-01", "01-11", Fraction(10, 31))]


def test_a_change_in_the_same_cycle_prorates_both_ways():
    change = changed(continues_from=utc("2026-01-01"))

    assert parts(1, change) == [(1, "01-16", "02-01", -Fraction(1, 2)), (2, "01-16", "02-01", Fraction(1, 2))]
    assert parts(2, change) == [(3, "02-01", "03-01", 1)]


def test_a_change_that_begins_a_new_cycle_costs_a_whole_fee():
    fresh = Phase(2, JANUARY_16, date(2026, 1, 16), MONTH, made_at=JANUARY_16, credits_fee=True)

    assert parts(1, fresh) == [(1, "01-16", "02-01", -Fraction(1, 2)), (2, "01-16", "02-16", 1)]


def test_a_cancellation_gives_the_fee_back_only_where_it_asks_for_it():
    assert parts(1, ends_at=JANUARY_16) == []
    assert parts(1, ends_at=JANUARY_16, credits_fee_at_end=True) == [(1, "01-16", "02-01", -Fraction(1, 2))]


def test_what_was_billed_elsewhere_is_not_given_back():
    assert parts(1, ends_at=JANUARY_16, credits_fee_at_end=True, bill_from=JANUARY_16) == []


def test_the_agreed_end_shortens_the_fee_and_what_is_left_of_it():
    agreed = {"expires_at": utc("2026-01-17"), "credits_fee_at_end": True}

    assert parts(0, ends_at=utc("2026-01-17"), **agreed) == [(1, "01-01", "01-17", Fraction(16, 31))]
    assert parts(1, ends_at=utc("2026-01-16"), **agreed) == [(1, "01-16", "01-17", -Fraction(1, 31))]


def test_a_new_cycle_with_another_end_gives_back_no_more_than_was_agreed_until_the_end_before():
    life = {"begins_anew": True, "former_expires_at": utc("2026-01-17")}
    fresh = Phase(2, JANUARY_16, date(2026, 1, 16), MONTH, made_at=JANUARY_16, credits_fee=True, **life)

    assert parts(0, fresh, expires_at=utc("2027-01-16")) == [(1, "01-01", "01-17", Fraction(16, 31))]
    assert parts(1, fresh, expires_at=utc("2027-01-16"))[0] == (1, "01-16", "01-17", -Fraction(1, 62))


def test_cycles_that_begin_paused_have_no_fee_and_the_rest_of_one_that_is_resumed_is_due_at_its_end():
    pauses = [Period(utc("2026-01-10"), utc("2026-03-11"))]

    assert [parts(point, pauses=pauses) for point in range(4)] == [
        [(1, "01-01", "02-01", 1)],
        [],
        [],
        [(3, "03-11", "04-01", Fraction(21, 31)), (4, "04-01", "05-01", 1)],
    ]


def test_a_pause_without_an_end_suspends_every_fee():
    assert parts(7, pauses=[Period(utc("2026-01-10"), FOREVER)]) == []


@pytest.mark.parametrize("cancelled", [utc("2026-02-15"), utc("2026-03-05")])
def test_a_fee_that_was_suspended_is_not_given_back(cancelled):
    pauses = [Period(utc("2026-01-10"), FOREVER)]
    point = 2 if cancelled < utc("2026-03-01") else 3

    assert parts(point, pauses=pauses, ends_at=cancelled, credits_fee_at_end=True) == []


def test_a_second_pause_of_a_cycle_that_began_paused_suspends_the_fee_once_more():
    again = [Period(utc("2026-01-10"), utc("2026-03-03")), Period(utc("2026-03-11"), utc("2026-03-21"))]
    until_the_end = [again[0], Period(utc("2026-03-11"), utc("2026-04-05"))]

    # Active on 8 days and on 11 more of 31; then on 8 only.
    assert parts(3, pauses=again)[0] == (3, "03-03", "04-01", Fraction(19, 31))
    assert parts(3, pauses=until_the_end) == [(3, "03-03", "03-11", Fraction(8, 31))]


def test_a_pause_within_a_cycle_that_was_paid_in_advance_gives_nothing_back():
    assert parts(1, pauses=[Period(utc("2026-01-10"), utc("2026-01-20"))]) == [(2, "02-01", "03-01", 1)]


def test_what_is_resumed_of_a_cycle_that_was_made_longer_costs_no_more_than_a_whole_fee():
    moved = Phase(2, utc("2026-03-11"), date(2026, 3, 11), MONTH, made_at=utc("2025-12-20"))

    assert parts(1, moved, pauses=[Period(utc("2026-01-01"), utc("2026-01-06"))]) == [
        (1, "01-06", "03-11", 1),
        (2, "03-11", "04-11", 1),
    ]
