from datetime import UTC, date, datetime

import pytest

from core.periods import Period
from dashboard.reading.ranges import Range, choose

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def chosen(key: str, *, zone: str = "UTC", first: date | None = None, latest: date | None = None) -> Range:
    return choose(key=key, first=first, latest=latest, now=NOW, zone=zone)


def test_this_month_is_compared_with_as_much_of_the_month_before() -> None:
    month = chosen("month")

    assert month.period == Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert month.before == Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 20, 12, tzinfo=UTC))


def test_a_month_that_is_over_is_compared_whole() -> None:
    month = chosen("previous_month")

    assert month.period == Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    assert month.before == Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))


def test_days_end_with_today() -> None:
    week = chosen("7d")

    assert week.period == Period(datetime(2026, 11, 14, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    assert week.before == Period(datetime(2026, 11, 7, tzinfo=UTC), datetime(2026, 11, 13, 12, tzinfo=UTC))


def test_both_dates_are_included_and_are_days_of_the_billing_zone() -> None:
    days = chosen("custom", zone="Asia/Kolkata", first=date(2026, 11, 1), latest=date(2026, 11, 1))

    assert days.period == Period(datetime(2026, 10, 31, 18, 30, tzinfo=UTC), datetime(2026, 11, 1, 18, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("key", "first", "latest"),
    [
        ("nonsense", None, None),
        ("custom", None, None),
        ("custom", date(2026, 11, 2), date(2026, 11, 1)),
        ("99999d", None, None),
        ("custom", date(1, 1, 1), date(1, 2, 1)),
        ("custom", date(2026, 1, 1), date.max),
    ],
)
def test_what_makes_no_range_is_this_month(key: str, first: date | None, latest: date | None) -> None:
    assert chosen(key, first=first, latest=latest) == chosen("month")


@pytest.mark.parametrize(("key", "finest"), [("7d", "day"), ("month", "day"), ("365d", "week")])
def test_a_wider_range_has_wider_windows(key: str, finest: str) -> None:
    assert chosen(key).windows[0] == finest
