"""Turn the choice of a range of time into a period of whole billing days, and the one before it to compare with. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.periods import Interval, Period, add_interval, local_date, local_midnight
from core.text import gettext_noop as _
from meters.windows import Window

MONTH = Interval("Month", 1)
DEFAULT = "month"
CYCLE = "cycle"
CUSTOM = "custom"
# What can be chosen: far from the ends of the calendar, so that the stretch before it lies in the calendar, too.
FIRST_DATE, LATEST_DATE = date(1900, 1, 1), date(2399, 12, 31)
LABELS: Mapping[str, str] = {
    "month": _("This month"),
    "previous_month": _("Last month"),
    CYCLE: _("Running cycles"),
    "7d": _("Last 7 days"),
    "30d": _("Last 30 days"),
    "90d": _("Last 90 days"),
    "365d": _("Last 365 days"),
    CUSTOM: _("From and to"),
}
# The wider the range, the wider its windows: about as many bars as can be told apart.
FINEST: tuple[tuple[timedelta, tuple[Window, ...]], ...] = (
    (timedelta(days=4), ("hour", "day")),
    (timedelta(days=15), ("day", "hour")),
    (timedelta(days=35), ("day", "hour", "week")),
    (timedelta(days=100), ("day", "week", "month")),
    (timedelta(days=370), ("week", "day", "month")),
    (timedelta.max, ("month",)),
)


@dataclass(frozen=True)
class Range:
    """A chosen stretch of time.

    period: half-open, from midnight to midnight of the billing zone; it may reach beyond now.  before: as much of the stretch before
    it as has passed of this one.  by_cycle: each customer's running cycle is meant; period is then the running month.
    """

    key: str
    period: Period
    before: Period
    by_cycle: bool = False

    @property
    def windows(self) -> tuple[Window, ...]:
        """Name the windows to cut it into, the fitting one first."""
        length = self.period.end - self.period.start
        return next(windows for most, windows in FINEST if length <= most)


def choose(*, key: str, first: date | None, latest: date | None, now: datetime, zone: str) -> Range:
    """Give the range of a key; an unknown key, or dates that make none, mean this month.

    first, latest: for the key "custom", whole days of the zone, both included, from FIRST_DATE to LATEST_DATE.
    """
    today = local_date(now, zone)
    if key == CUSTOM and first and latest and FIRST_DATE <= first <= latest <= LATEST_DATE:
        return _days(CUSTOM, first, latest + timedelta(days=1), now, zone)
    if key.endswith("d") and key in LABELS:
        tomorrow = today + timedelta(days=1)
        return _days(key, tomorrow - timedelta(days=int(key[:-1])), tomorrow, now, zone)
    start = today.replace(day=1)
    if key == "previous_month":
        return _months(key, add_interval(start, MONTH, -1), now, zone)
    return _months(key if key == CYCLE else DEFAULT, start, now, zone)


def _days(key: str, start: date, end: date, now: datetime, zone: str) -> Range:
    period = Period(local_midnight(start, zone), local_midnight(end, zone))
    return Range(key, period, _before(period, local_midnight(start - (end - start), zone), now))


def _months(key: str, start: date, now: datetime, zone: str) -> Range:
    period = Period(local_midnight(start, zone), local_midnight(add_interval(start, MONTH, 1), zone))
    before = local_midnight(add_interval(start, MONTH, -1), zone)
    return Range(key, period, _before(period, before, now), by_cycle=key == CYCLE)


def _before(period: Period, start: datetime, now: datetime) -> Period:
    """Cut the stretch before a running one where the running one stands now, so that equal parts are compared."""
    passed = min(now, period.end) - period.start
    running = period.contains(now)
    end = min(start + passed, period.start) if running and passed > timedelta(0) else period.start
    return Period(start, end)
