"""Windows lie at local boundaries, without gap or overlap."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.periods import Period, local_midnight
from meters.windows import WINDOWS, Span, Window, in_days, in_quarters, raw, windows


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


INSTANTS = st.timedeltas(timedelta(0), timedelta(days=730)).map(lambda passed: datetime(2025, 1, 1, tzinfo=UTC) + passed)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"])


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start = draw(INSTANTS)
    return Period(start, start + draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=40))))


@given(periods(), st.sampled_from(WINDOWS), ZONES)
def test_windows_make_up_the_period(period: Period, window: Window, zone: str) -> None:
    cut = list(windows(period, window, zone))

    assert (cut[0].start, cut[-1].end) == (period.start, period.end)
    assert all(one.end == two.start for one, two in pairwise(cut))


@pytest.mark.parametrize(("date_", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)])
def test_a_day_has_as_many_hours_as_the_clocks_say(date_: date, hours: int) -> None:
    day = Period(local_midnight(date_, "Europe/Berlin"), local_midnight(date_ + timedelta(days=1), "Europe/Berlin"))

    assert list(windows(day, "day", "Europe/Berlin")) == [day]
    assert len(list(windows(day, "hour", "Europe/Berlin"))) == hours


@pytest.mark.parametrize(("zone", "minute"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("UTC", 0)])
def test_hours_begin_when_the_local_clock_shows_a_full_hour(zone: str, minute: int) -> None:
    cut = list(windows(Period(at("2026-10-01T00:00"), at("2026-10-01T03:00")), "hour", zone))

    assert {window.start.minute for window in cut[1:]} == {minute}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_from_midnight_to_midnight_all_days_are_whole(zone: str) -> None:
    first, end = date(2026, 3, 28), date(2026, 4, 1)
    start_at, end_at = local_midnight(first, zone), local_midnight(end, zone)
    later = Period(start_at + timedelta(microseconds=1), end_at)

    assert in_days(Period(start_at, end_at), zone) == Span(Period(start_at, end_at), start_at, end_at, first, end)
    assert in_days(later, zone).first_day == date(2026, 3, 29)


@pytest.mark.parametrize("date_", [date(2026, 4, 5), date(2026, 10, 4)])
def test_an_hour_in_which_the_clocks_move_by_half_an_hour_is_as_much_longer(date_: date) -> None:
    zone = "Australia/Lord_Howe"
    day = Period(local_midnight(date_, zone), local_midnight(date_ + timedelta(days=1), zone))

    hours = list(windows(day, "hour", zone))

    assert {hour.start.astimezone(ZoneInfo(zone)).minute for hour in hours} == {0}
    assert sorted({hour.seconds for hour in hours}) == [3600, 5400]


@pytest.mark.parametrize(("zone", "minute"), [("Africa/Monrovia", 43), ("Europe/Berlin", 6)])
def test_hours_of_times_with_odd_offsets_are_found_at_once(zone: str, minute: int) -> None:
    cut = list(windows(Period(at("1500-01-01T00:00"), at("1500-01-01T03:00")), "hour", zone))

    assert [window.start.minute for window in cut[1:]] == [minute] * 3


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    period = Period(at("2026-10-15T12:00"), at("2026-11-02T00:00"))

    assert [w.start.date() for w in windows(period, "week", "UTC")] == [
        date(2026, 10, 15),
        date(2026, 10, 19),
        date(2026, 10, 26),
    ]
    assert [w.start.date() for w in windows(period, "month", "UTC")] == [date(2026, 10, 15), date(2026, 11, 1)]


@given(periods(), ZONES)
def test_whole_buckets_lie_within_the_period_and_leave_less_than_one_at_each_edge(period: Period, zone: str) -> None:
    for span, longest in ((in_quarters(period), timedelta(minutes=15)), (in_days(period, zone), timedelta(hours=25))):
        assert period.start <= span.whole_start <= span.whole_end <= period.end
        if span != raw(period):
            assert span.whole_start - period.start < longest
            assert period.end - span.whole_end < longest


def test_a_period_within_a_bucket_has_none_whole() -> None:
    period = Period(at("2026-10-01T00:01"), at("2026-10-01T00:14"))

    assert in_quarters(period) == in_days(period, "UTC") == raw(period)
