"""Cut a period into hours, days, ISO weeks or months of a zone, and find what of it whole buckets cover. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from core.periods import Interval, Period, add_interval, local_date, local_midnight

Window = Literal["none", "hour", "day", "week", "month"]
WINDOWS: tuple[Window, ...] = ("none", "hour", "day", "week", "month")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
QUARTERS_TO_TRY = 8
"""A full hour comes within four, or later where the clocks are put on or back meanwhile."""
DAY = Interval("Day", 1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A period, and the part of it that whole buckets cover: [whole_start, whole_end), empty where they are equal.

    first_day, end_day: the same part as local dates, half-open; equal where it is empty or counted in quarter hours.
    """

    period: Period
    whole_start: datetime
    whole_end: datetime
    first_day: date
    end_day: date

    @property
    def has_whole(self) -> bool:
        """Whether whole buckets cover some of it."""
        return self.whole_start < self.whole_end

    @property
    def has_edges(self) -> bool:
        """Whether whole buckets leave some of it out."""
        return self.period.start < self.whole_start or self.whole_end < self.period.end


def windows(period: Period, window: Window, zone: str) -> Iterator[Period]:
    """Cut a period at the zone's boundaries, ascending, without a gap; the first and the last may be cut short by the period."""
    start = period.start
    while start < period.end:
        end = min(period.end if window == "none" else _boundary_after(start, window, zone), period.end)
        yield Period(start, end)
        start = end


def _boundary_after(instant: datetime, window: Window, zone: str) -> datetime:
    if window == "hour":
        return _hour_after(instant, ZoneInfo(zone))
    day = local_date(instant, zone)
    if window == "week":
        start, unit = day - timedelta(days=day.weekday()), Interval("Week", 1)
    elif window == "month":
        start, unit = day.replace(day=1), Interval("Month", 1)
    else:
        start, unit = day, DAY
    return local_midnight(add_interval(start, unit, 1), zone)


def _hour_after(instant: datetime, zone: ZoneInfo) -> datetime:
    """Find the next instant at which the zone's clocks show a full hour.

    Offsets are whole quarter hours, but for those before about 1972, which are reckoned by the offset at the instant: in quarter
    hours their full hour would never be met, and looked for until the zone changed its offset.
    """
    candidate = instant - (instant - _EPOCH) % QUARTER
    for _quarter in range(QUARTERS_TO_TRY):
        candidate += QUARTER
        if not candidate.astimezone(zone).minute:
            return candidate
    local = instant.astimezone(zone)
    return instant + HOUR - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def in_quarters(period: Period) -> Span:
    """Find the whole UTC quarter hours of a period."""
    start = period.start + (_EPOCH - period.start) % QUARTER
    end = period.end - (period.end - _EPOCH) % QUARTER
    if start >= end:
        return raw(period)
    return Span(period, start, end, date.min, date.min)


@lru_cache(maxsize=4096)
def in_days(period: Period, zone: str) -> Span:
    """Find the whole local days of a period; those of a billing run share a few."""
    first = local_date(period.start, zone)
    if local_midnight(first, zone) < period.start:
        first += timedelta(days=1)
    end = local_date(period.end, zone)
    start_at, end_at = local_midnight(first, zone), local_midnight(end, zone)
    return Span(period, start_at, end_at, first, end) if start_at < end_at else raw(period)


def raw(period: Period) -> Span:
    """Say that no bucket covers any of the period."""
    return Span(period, period.end, period.end, date.min, date.min)
