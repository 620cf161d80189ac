"""Cut time into half-open periods, days and intervals that neither overlap nor leave a gap. PURE.

Instants are aware UTC datetimes to the microsecond; a local date always comes with the name of its zone (tz database).
"""

import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

# A machine with older zone files would end the same cycle at another instant: every process reads the tzdata package that
# requirements.txt pins, never the system's files.
zoneinfo.reset_tzpath(())

Unit = Literal["Day", "Week", "Month", "Year"]
UNITS: tuple[Unit, ...] = ("Day", "Week", "Month", "Year")

# The end of a period that has none: later than every instant, so that comparing needs no special case.
FOREVER = datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ZERO = timedelta(0)
_UTC = (UTC, ZoneInfo("UTC"))


class PeriodInvalid(ValueError):
    """A period is empty, runs backwards, or its ends are not aware UTC datetimes."""


class FormerZone(Struct, frozen=True):
    """A zone that was in force before another one, up to and including an instant."""

    name: str
    until: datetime


class Zones(Struct, frozen=True):
    """A zone in whose place there were others before. former: ascending by until, at least one."""

    name: str
    former: tuple[FormerZone, ...]

    def at(self, instant: datetime) -> str:
        """Give the name of the zone in force at an instant."""
        return next((one.name for one in self.former if instant <= one.until), self.name)

    def since(self, instant: datetime) -> "Zone":
        """Give the zones without those that were in force only before an instant."""
        former = tuple(one for one in self.former if instant <= one.until)
        return Zones(self.name, former) if former else self.name


Zone = str | Zones


class Period(Struct, frozen=True, order=True):
    """The half-open stretch [start, end) of time; never empty. `Period.since(start)` has no end. Raises PeriodInvalid."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        # Asking for the offset is the dearest part of making a period; the two zones that database and code give need not be asked.
        if (self.start.tzinfo not in _UTC and self.start.utcoffset() != _ZERO) or (
            self.end.tzinfo not in _UTC and self.end.utcoffset() != _ZERO
        ):
            raise PeriodInvalid(f"a period needs aware UTC datetimes, not {self.start!r} and {self.end!r}")
        if self.start >= self.end:
            raise PeriodInvalid(f"a period must end after its start: {self.start.isoformat()}, {self.end.isoformat()}")

    @classmethod
    def since(cls, start: datetime) -> "Period":
        """Make the period from start on, without an end."""
        return cls(start, FOREVER)

    @property
    def is_open(self) -> bool:
        """Whether the period has no end."""
        return self.end == FOREVER

    @property
    def microseconds(self) -> int:
        """The exact length in microseconds, the resolution of time here; divide these, never floats."""
        return (self.end - self.start) // _MICROSECOND

    @property
    def seconds(self) -> int:
        """The length in whole seconds, cut."""
        return self.microseconds // 1_000_000

    def contains(self, instant: datetime) -> bool:
        """Whether start <= instant < end."""
        return self.start <= instant < self.end

    def covers(self, other: "Period") -> bool:
        """Whether all of the other period lies in this one."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "Period") -> bool:
        """Whether some instant lies in both; periods that only touch do not overlap."""
        return self.start < other.end and other.start < self.end

    def intersect(self, other: "Period") -> "Period | None":
        """Give what lies in both, or None."""
        return Period(max(self.start, other.start), min(self.end, other.end)) if self.overlaps(other) else None

    def cut(self, instants: Iterable[datetime]) -> tuple["Period", ...]:
        """Cut the period at those instants that lie strictly inside it; the parts come in order and make up the whole."""
        inside = {instant for instant in instants if self.start < instant < self.end}
        return tuple(Period(a, b) for a, b in pairwise([self.start, *sorted(inside), self.end])) if inside else (self,)


class Interval(Struct, frozen=True):
    """A calendar interval: count whole days, weeks, months or years, count >= 1. Raises ValueError."""

    unit: Unit
    count: int

    def __post_init__(self) -> None:
        if self.unit not in UNITS or type(self.count) is not int or self.count < 1:
            raise ValueError(f"an interval is a count of 1 or more of {', '.join(UNITS)}, not {self.count!r} {self.unit!r}")


def add_interval(start: date, interval: Interval, n: int) -> date:
    """Give the date n intervals after start (before, if n is negative), counted from start itself.

    A day that a month lacks becomes the month's last day, and comes back in a longer month: 31 January plus 1 month is 28 or 29
    February, plus 2 months is 31 March. So never add to a date that was itself added to. Raises OverflowError past the calendar.
    """
    steps = n * interval.count
    if interval.unit in ("Day", "Week"):
        return start + timedelta(days=steps * (7 if interval.unit == "Week" else 1))
    months = start.year * 12 + start.month - 1 + steps * (12 if interval.unit == "Year" else 1)
    year, month = divmod(months, 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError(f"{n} times {interval.count} {interval.unit} after {start} is outside the calendar")
    return date(year, month + 1, min(start.day, _days_in_month(year, month + 1)))


def _days_in_month(year: int, month: int) -> int:
    if month == 12:
        return 31
    return (date(year, month + 1, 1) - date(year, month, 1)).days


@lru_cache(maxsize=65536)
def local_midnight(day: date, zone: str) -> datetime:
    """Give the UTC instant at which a local date begins.

    Where clocks skip midnight it is the first instant of that date; where midnight comes twice it is the first of the two.
    For a date that a zone skipped whole it equals the next date's midnight. Raises ZoneInfoNotFoundError.
    """
    wall = datetime.combine(day, time.min, ZoneInfo(zone))
    instant = wall.astimezone(UTC)
    if instant.astimezone(wall.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # PEP 495: in a gap fold=0 takes the offset before the change and fold=1 the one after it, so the change lies between the two.
    return _change_between(wall.replace(fold=1).astimezone(UTC), instant, ZoneInfo(zone))


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Find the first instant in (before, after] that has after's UTC offset, by halving."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _MICROSECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def local_date(instant: datetime, zone: str) -> date:
    """Give the local date whose [midnight, next midnight), as local_midnight has them, holds the instant."""
    day = instant.astimezone(ZoneInfo(zone)).date()
    if instant < local_midnight(day, zone):
        return day - timedelta(days=1)
    # Clocks set back across midnight show the former date again; the instant still belongs to the day that has begun.
    return day + timedelta(days=1) if instant >= local_midnight(day + timedelta(days=1), zone) else day


def days(period: Period, zone: str) -> tuple[tuple[date, Period], ...]:
    """List every local date that the period touches, ascending, each with its whole day (not cut to the period).

    The period must have an end.
    """
    found = []
    day = local_date(period.start, zone)
    while (start := local_midnight(day, zone)) < period.end:
        end = local_midnight(day + timedelta(days=1), zone)
        if start < end:
            found.append((day, Period(start, end)))
        day += timedelta(days=1)
    return tuple(found)
