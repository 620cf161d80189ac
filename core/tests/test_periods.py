"""Hold core.periods to the calendar, with its awkward days."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from core.periods import Interval, Period, PeriodInvalid, add_interval, days, local_date, local_midnight


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


JANUARY = Period(utc("2026-01-01"), utc("2026-02-01"))


def test_zones_come_from_the_pinned_package():
    assert zoneinfo.TZPATH == ()


def test_a_period_holds_its_start_and_not_its_end():
    assert JANUARY.contains(utc("2026-01-01"))
    assert JANUARY.contains(utc("2026-01-31T23:59:59.999999"))
    assert not JANUARY.contains(utc("2026-02-01"))


def test_periods_that_touch_do_not_overlap():
    february = Period(utc("2026-02-01"), utc("2026-03-01"))

    assert not JANUARY.overlaps(february)
    assert JANUARY.intersect(february) is None


def test_an_intersection_is_what_lies_in_both():
    middle = Period(utc("2026-01-20"), utc("2026-02-10"))

    assert JANUARY.intersect(middle) == Period(utc("2026-01-20"), utc("2026-02-01"))
    assert JANUARY.covers(Period(utc("2026-01-20"), utc("2026-02-01")))
    assert not JANUARY.covers(middle)


def test_a_period_counts_its_microseconds():
    period = Period(utc("2026-01-01"), utc("2026-01-01T00:00:01.500001"))

    assert (period.microseconds, period.seconds) == (1_500_001, 1)


def test_an_open_period_holds_the_far_future():
    assert Period.since(utc("2026-01-01")).contains(utc("9998-01-01"))
    assert Period.since(utc("2026-01-01")).is_open


def test_a_period_is_cut_at_the_instants_inside_it():
    parts = JANUARY.cut([utc("2026-01-10"), utc("2026-01-10"), utc("2026-01-01"), utc("2026-02-01"), utc("2026-01-05")])

    assert [(p.start.day, p.end.day) for p in parts] == [(1, 5), (5, 10), (10, 1)]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (utc("2026-01-01"), utc("2026-01-01")),
        (utc("2026-01-02"), utc("2026-01-01")),
        (datetime(2026, 1, 1), utc("2026-01-02")),  # noqa: DTZ001
        (utc("2026-01-01"), datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_an_empty_backward_or_zoned_period_is_refused(start, end):
    with pytest.raises(PeriodInvalid):
        Period(start, end)


@pytest.mark.parametrize(("unit", "count"), [("Hour", 1), ("Day", 0), ("Day", -1), ("Day", 1.0)])
def test_an_interval_is_one_or_more_of_a_known_unit(unit, count):
    with pytest.raises(ValueError, match="an interval is a count of 1 or more"):
        Interval(unit, count)


@pytest.mark.parametrize(
    ("start", "unit", "count", "n", "result"),
    [
        ("2026-01-31", "Month", 1, 1, "2026-02-28"),
        ("2026-01-31", "Month", 1, 2, "2026-03-31"),
        ("2026-01-31", "Month", 1, 3, "2026-04-30"),
        ("2028-01-30", "Month", 1, 1, "2028-02-29"),
        ("2026-01-29", "Month", 1, 1, "2026-02-28"),
        ("2026-11-15", "Month", 3, 1, "2027-02-15"),
        ("2026-12-01", "Month", 1, 1, "2027-01-01"),
        ("2028-02-29", "Year", 1, 1, "2029-02-28"),
        ("2028-02-29", "Year", 1, 4, "2032-02-29"),
        ("2026-01-01", "Week", 2, 3, "2026-02-12"),
        ("2026-01-01", "Day", 30, 1, "2026-01-31"),
        ("2026-03-31", "Month", 1, -1, "2026-02-28"),
        ("2026-03-31", "Month", 1, 0, "2026-03-31"),
    ],
)
def test_intervals_are_counted_from_the_first_date(start, unit, count, n, result):
    assert add_interval(date.fromisoformat(start), Interval(unit, count), n) == date.fromisoformat(result)


def test_intervals_end_with_the_calendar():
    with pytest.raises(OverflowError):
        add_interval(date(9999, 1, 31), Interval("Month", 1), 12)


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00"),
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00"),  # clocks went from 00:00 to 01:00
        ("2018-02-18", "America/Sao_Paulo", "2018-02-18T03:00"),  # clocks went from 24:00 back to 23:00
        ("2022-11-06", "America/Havana", "2022-11-06T04:00"),  # 00:00 came twice
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30"),  # clocks went from 23:30 to 00:30
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00"),  # the whole day was skipped
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00"),
    ],
)
def test_a_local_date_begins_at_its_first_instant(day, zone, instant):
    assert local_midnight(date.fromisoformat(day), zone) == utc(instant)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-03-28T22:59:59.999999", "Europe/Berlin", "2026-03-28"),
        ("2026-03-28T23:00", "Europe/Berlin", "2026-03-29"),
        ("2022-11-06T05:30", "America/Havana", "2022-11-06"),
        # Clocks went back at 00:01, and showed the day before for an hour.
        ("2010-11-07T02:29:59.999999", "America/St_Johns", "2010-11-06"),
        ("2010-11-07T02:45", "America/St_Johns", "2010-11-07"),
        ("2011-12-30T09:59", "Pacific/Apia", "2011-12-29"),
        ("2011-12-30T10:00", "Pacific/Apia", "2011-12-31"),
    ],
)
def test_an_instant_belongs_to_the_day_that_has_begun(instant, zone, day):
    assert local_date(utc(instant), zone) == date.fromisoformat(day)


def test_days_of_a_clock_change_are_23_and_25_hours_long():
    spring = days(Period(utc("2026-03-28T23:00"), utc("2026-03-29T00:00")), "Europe/Berlin")
    autumn = days(Period(utc("2026-10-24T22:00"), utc("2026-10-25T00:00")), "Europe/Berlin")

    assert [(day, p.seconds // 3600) for day, p in spring + autumn] == [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)]


def test_days_leave_out_a_date_that_never_was():
    listed = days(Period(utc("2011-12-29T12:00"), utc("2011-12-31T12:00")), "Pacific/Apia")

    assert [day for day, _ in listed] == [date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]
