"""Number a subscription's cycles and say when each begins and ends, without gap or overlap. PURE.

Cycles count from 1. Their boundaries lie at local midnight of the billing zone, save the start of the first one and an end that
was set to an instant. Billing point 0 is the start, point n the end of cycle n.

# Note [Another zone]
A cycle ends by the zone that was in force as it began, and the next one begins there. So what is billed stays as it was cut, the cycle
that runs while the zone is changed keeps both its ends, and no instant lies in two cycles or in none. A phase that begins after the
change knows nothing of the zone before it. An end that was agreed stays at its instant, the midnight of a date in a former zone: the cycle
that ends on that date ends there, some hours sooner or later, and is a whole one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from core.money import WHOLE, ratio
from core.periods import Interval, Period, Zone, Zones, add_interval, local_date, local_midnight
from products.zones import date_at, name_at


class NoSuchCycle(LookupError):
    """A subscription has no cycle of that number, or none at that instant."""


class Phase(Struct, frozen=True):
    """A stretch of cycles that share anchor and interval; a later phase begins where the one before it is cut.

    first_cycle: the number of its first cycle, which begins at starts_at.  anchor_date: the local date from which the interval is
    counted; the phase's boundaries after its start are the local midnights of anchor_date + n intervals.
    continues_from: where its first cycle only goes on with one that other terms began, the instant at which that one began.
    made_at: when it was decided; what a cycle costs in advance is what was agreed as it began.
    credits_fee: whether the fee of the cycle that it cuts is given back for the time after the cut.
    begins_anew: whether it begins a life of its own, with an end of its own.  former_expires_at: the end that was agreed for what came
    before that; None for no end.
    """

    first_cycle: int
    starts_at: datetime
    anchor_date: date
    interval: Interval
    continues_from: datetime | None = None
    made_at: datetime | None = None
    credits_fee: bool = False
    begins_anew: bool = False
    former_expires_at: datetime | None = None


class BillingPoint(Struct, frozen=True):
    """Point `number` of a subscription and the instant at which it lies."""

    number: int
    at: datetime


@dataclass(frozen=True)
class Schedule:
    """All that decides a subscription's cycles: its phases, the billing zone (and those before it), its end if it has one.

    phases: ascending by first_cycle, the first with 1.  ends_at: nothing is billed from this instant on.
    """

    phases: tuple[Phase, ...]
    zone: Zone
    ends_at: datetime | None = None
    # Planning one billing point looks the same few cycles up a dozen times.
    _cycles: dict[int, Period] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def starts_at(self) -> datetime:
        """The start of cycle 1, which is billing point 0."""
        return self.phases[0].starts_at

    def cycle(self, n: int) -> Period:
        """Give cycle n. Raises NoSuchCycle."""
        found = self._cycles.get(n)
        if found is None:
            found = self._cycles[n] = cycle(n, self.phases, self.zone, ends_at=self.ends_at)
        return found

    def proration(self, n: int) -> Fraction:
        """Give the part of a whole cycle that cycle n lasts, by duration; 1 for a cycle that is not cut, or made longer.

        The first cycle of a phase is whole although it begins after its day's midnight: it is what the customer agreed to. One that
        goes on with a cycle which other terms began is the part that is left of it.
        """
        whole, actual = self.whole_cycle(n), self.cycle(n)
        if actual.end == self.ends_at and _is_same_date(whole.end, actual.end, self.zone):
            whole = Period(whole.start, actual.end)
        return WHOLE if actual == whole else min(WHOLE, ratio(actual.microseconds, whole.microseconds))

    def cycle_at(self, instant: datetime) -> int:
        """Give the number of the cycle that holds an instant. Raises NoSuchCycle."""
        return cycle_at(instant, self.phases, self.zone, ends_at=self.ends_at)

    def point_at(self, n: int) -> datetime | None:
        """Give the instant of billing point n; None past the last one, or where the subscription ended before it started."""
        try:
            return self.cycle(1).start if n == 0 else self.cycle(n).end
        except NoSuchCycle:
            return None

    def end_date(self, n: int) -> date:
        """Give the local date on which cycle n ends: that of the next anchor, if other cycles begin there. Raises NoSuchCycle."""
        end, whole = self.cycle(n).end, self.whole_cycle(n)
        moved_to = next((phase for phase in self.phases if phase.first_cycle == n + 1 and end != whole.end), None)
        return local_date(end, name_at(whole.start, self.zone)) if moved_to is None else moved_to.anchor_date

    def has_cycle(self, n: int) -> bool:
        """Whether cycle n begins before the end."""
        return n >= 1 and self.point_at(n) is not None

    def points(self, *, until: datetime, after: int = -1) -> Iterator[BillingPoint]:
        """Yield the billing points later than number `after` that lie at or before `until`."""
        return billing_points(self.phases, self.zone, until=until, after=after, ends_at=self.ends_at)

    def whole_cycle(self, n: int) -> Period:
        """Give the whole cycle that cycle n is, or is a part of."""
        return whole_cycle(n, self.phases, self.zone)

    def continues(self, n: int) -> bool:
        """Whether cycle n only goes on with the one before it, which other terms began."""
        return any(phase.first_cycle == n and phase.continues_from is not None for phase in self.phases)

    def agreed(self, n: int, *, expires_at: datetime | None) -> "Schedule":
        """Give the schedule as it was agreed when cycle n began: later decisions change neither its length nor its fee.

        expires_at: the end agreed for the life that runs now.
        """
        if self.phases[-1].first_cycle <= n:
            return self if expires_at == self.ends_at else Schedule(self.phases, self.zone, expires_at)
        start = self.without_end().cycle(n).start
        known = (one for one in self.phases if one.first_cycle <= n or one.made_at is None or one.made_at <= start)
        anew = next((one for one in self.phases if one.first_cycle > n and one.begins_anew), None)
        return Schedule(tuple(known), self.zone, expires_at if anew is None else anew.former_expires_at)

    def without_end(self) -> "Schedule":
        """Give the same schedule as if it went on for ever."""
        return Schedule(self.phases, self.zone)


def first_phase(*, starts_at: datetime, interval: Interval, zone: Zone) -> Phase:
    """Make the phase of a new subscription: anchored at the local date of its start."""
    return Phase(1, starts_at, date_at(starts_at, zone), interval)


def cycle(n: int, phases: Sequence[Phase], zone: Zone, *, ends_at: datetime | None = None) -> Period:
    """Give cycle n's period.

    phases: ascending by first_cycle, the first with 1.  ends_at: the end of the subscription, which cuts its last cycle.
    Raises NoSuchCycle.
    """
    if n < 1:
        raise NoSuchCycle(f"cycles count from 1, there is no cycle {n}")
    position = bisect_right(phases, n, key=lambda phase: phase.first_cycle) - 1
    following = phases[position + 1] if position + 1 < len(phases) else None
    whole = _uncut(n, phases[position], zone)
    end = following.starts_at if following is not None and following.first_cycle == n + 1 else whole.end
    if ends_at is not None and (ends_at <= whole.start or (n > 1 and _is_same_date(whole.start, ends_at, zone))):
        raise NoSuchCycle(f"the subscription ended at {ends_at.isoformat()}, before cycle {n}")
    if ends_at is not None:
        end = ends_at if _is_same_date(end, ends_at, zone) else min(end, ends_at)
    return whole if end == whole.end else Period(whole.start, end)


def cycle_at(instant: datetime, phases: Sequence[Phase], zone: Zone, *, ends_at: datetime | None = None) -> int:
    """Give the number of the cycle that holds an instant. Raises NoSuchCycle before the start and from the end on."""
    if instant < phases[0].starts_at or (ends_at is not None and instant >= ends_at):
        raise NoSuchCycle(f"no cycle runs at {instant.isoformat()}")
    position = bisect_right(phases, instant, key=lambda phase: phase.starts_at) - 1
    phase = phases[position]
    of_anchor, own_zone = (phase.anchor_date, phase.interval), _zone_of(phase, zone)
    n = phase.first_cycle + _passed(*of_anchor, instant, own_zone) - _passed(*of_anchor, phase.starts_at, own_zone)
    if n > 1 and ends_at is not None and _is_same_date(_uncut(n, phase, zone).start, ends_at, zone):
        n -= 1
    # The last cycle before another phase may have been made longer than its interval.
    return min(n, phases[position + 1].first_cycle - 1) if position + 1 < len(phases) else n


def billing_points(
    phases: Sequence[Phase], zone: Zone, *, until: datetime, after: int = -1, ends_at: datetime | None = None
) -> Iterator[BillingPoint]:
    """Yield, in order, the points later than number `after` that lie at or before `until`. The last lies at ends_at.

    A subscription that ended before it started has none.
    """
    if ends_at is not None and ends_at <= phases[0].starts_at:
        return
    if after < 0 and phases[0].starts_at <= until:
        yield BillingPoint(0, phases[0].starts_at)
    n = max(0, after) + 1
    while ends_at is None or n == 1 or cycle(n - 1, phases, zone, ends_at=ends_at).end < ends_at:
        end = cycle(n, phases, zone, ends_at=ends_at).end
        if end > until:
            return
        yield BillingPoint(n, end)
        n += 1


def whole_cycle(n: int, phases: Sequence[Phase], zone: Zone) -> Period:
    """Give the whole cycle that cycle n is, or is a part of: from where other terms began it, to where nothing cuts it."""
    phase = phases[bisect_right(phases, n, key=lambda phase: phase.first_cycle) - 1]
    whole = _uncut(n, phase, zone)
    continued = phase.continues_from if n == phase.first_cycle else None
    return whole if continued is None else Period(continued, whole.end)


def end_on(day: date, phase: Phase, zone: Zone) -> datetime:
    """Give the local midnight at which a phase is to end on a date, by the zone of the cycle that it ends or cuts.

    See Note [Another zone].
    """
    zone = _zone_of(phase, zone)
    if isinstance(zone, str):
        return local_midnight(day, zone)
    anchor, interval = phase.anchor_date, phase.interval
    j = max(1, _intervals_between(anchor, interval, day))
    while j > 1 and add_interval(anchor, interval, j - 1) >= day:
        j -= 1
    while add_interval(anchor, interval, j) < day:
        j += 1
    return local_midnight(day, _zone_at_end(anchor, interval, j, zone))


def _uncut(n: int, phase: Phase, zone: Zone) -> Period:
    """Give the period that cycle n has as long as no later phase or end cuts it."""
    zone = _zone_of(phase, zone)
    first = _boundary(phase.anchor_date, phase.interval, 1, zone)
    before = 0 if phase.starts_at < first else _passed(phase.anchor_date, phase.interval, phase.starts_at, zone)
    j = n - phase.first_cycle
    whole = _between(phase.anchor_date, phase.interval, before + j, zone)
    return whole if j else Period(phase.starts_at, whole.end)


def _is_same_date(end: datetime, agreed: datetime, zone: Zone) -> bool:
    """Whether an end was agreed, by a former zone, as the date that begins at the end of a cycle. See Note [Another zone]."""
    if isinstance(zone, str) or abs(agreed - end) > timedelta(days=1, hours=2):
        return False
    names = {zone.name, *(one.name for one in zone.former)}
    days = {local_date(agreed, name) for name in names if local_midnight(local_date(agreed, name), name) == agreed}
    return any(local_midnight(day, name) == end for day in days for name in names)


def _zone_of(phase: Phase, zone: Zone) -> Zone:
    """Give the zones that a phase's cycles know. See Note [Another zone]."""
    if isinstance(zone, str):
        return zone
    # One that goes on with the anchor of another phase goes on with boundaries of that one, too.
    has_own_anchor = phase.starts_at < _boundary(phase.anchor_date, phase.interval, 1, zone)
    return zone.since(phase.continues_from or phase.starts_at) if has_own_anchor else zone


@lru_cache(maxsize=65536)
def _between(anchor: date, interval: Interval, j: int, zone: Zone) -> Period:
    """Give the period from the j-th boundary after an anchor to the next; most subscriptions share it with many others."""
    return Period(_boundary(anchor, interval, j, zone), _boundary(anchor, interval, j + 1, zone))


@lru_cache(maxsize=65536)
def _passed(anchor: date, interval: Interval, instant: datetime, zone: Zone) -> int:
    """Count the boundaries after the anchor's own that lie at or before an instant, which is not before the anchor's."""
    # Where zones differ the date may be one further, or two across the date line: begin earlier, and count.
    name, ahead = (zone, 1) if isinstance(zone, str) else (zone.name, 3)
    j = max(0, _intervals_between(anchor, interval, local_date(instant, name)) - ahead)
    while _boundary(anchor, interval, j + 1, zone) <= instant:
        j += 1
    return j


@lru_cache(maxsize=65536)
def _boundary(anchor: date, interval: Interval, j: int, zone: Zone) -> datetime:
    """Give the j-th boundary from an anchor: the local midnight j intervals later."""
    if isinstance(zone, Zones):
        return _boundary(anchor, interval, j, _zone_at_end(anchor, interval, j, zone))
    day = add_interval(anchor, interval, j)
    if interval != Interval("Day", 1):
        return local_midnight(day, zone)
    # A date that a zone skipped whole (Samoa, 2011-12-30) is no day of its own, or its cycle would be empty.
    while (skipped := _skipped_dates(anchor, day, zone)) != (day - anchor).days - j:
        day = anchor + timedelta(days=j + skipped)
    return local_midnight(day, zone)


def _zone_at_end(anchor: date, interval: Interval, j: int, zones: Zones) -> str:
    """Give the zone in force as the cycle began that the j-th boundary ends. See Note [Another zone]."""
    for n, former in enumerate(zones.former):
        before: Zone = Zones(former.name, zones.former[:n]) if n else former.name
        if j < 1 or _boundary(anchor, interval, j - 1, before) <= former.until:
            return former.name
    return zones.name


def _skipped_dates(first: date, last: date, zone: str) -> int:
    """Count the dates in [first, last) that a zone skipped whole: so many times 24 hours lie less between the two midnights."""
    missing = timedelta(days=(last - first).days) - (local_midnight(last, zone) - local_midnight(first, zone))
    return max(0, (missing + timedelta(hours=12)) // timedelta(days=1))


def _intervals_between(anchor: date, interval: Interval, day: date) -> int:
    """Count whole intervals from the anchor to a day, at most one too many because months differ in length or a date is skipped."""
    if interval.unit in ("Day", "Week"):
        return (day - anchor).days // (interval.count * (7 if interval.unit == "Week" else 1))
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    return months // (interval.count * (12 if interval.unit == "Year" else 1))
