"""Which price is in force at an instant; and schedules that many subscriptions share are their own from the second cycle on."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.periods import FormerZone, Interval, Zones, local_date
from products.cycles import NoSuchCycle
from products.models import PriceVersion
from products.terms import Schedules, StoredPhase, Terms, in_force, schedule

CHANGED = FormerZone("America/Havana", datetime(2011, 6, 15, 12, tzinfo=UTC))
CHANGES = [Zones(name, (CHANGED,)) for name in ("Asia/Kolkata", "America/Los_Angeles")]
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia", *CHANGES])
INTERVALS = st.sampled_from([("Day", 1), ("Day", 3), ("Week", 1), ("Month", 1), ("Month", 3), ("Year", 1)])
moments = st.datetimes(datetime(2010, 1, 1), datetime(2013, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def phase(starts_at, anchor, interval, first_cycle=1):
    return StoredPhase(1, first_cycle, starts_at, anchor, *interval, 1, 1, None, None, False, False, None)


def told(made, n):
    """Everything that is asked of a schedule about a cycle."""
    try:
        return made.cycle(n), made.whole_cycle(n), made.proration(n), made.point_at(n), made.has_cycle(n), made.continues(n)
    except NoSuchCycle as problem:
        return str(problem), made.point_at(n)


@given(moments, ZONES, INTERVALS, st.none() | st.integers(-30, 900), st.integers(0, 40))
def test_a_shared_schedule_has_the_same_cycles_from_the_second_on(starts_at, zone, interval, ends_after, days_before):
    anchor = local_date(starts_at, zone if isinstance(zone, str) else zone.at(starts_at)) - timedelta(days=days_before)
    ends_at = None if ends_after is None else starts_at + timedelta(days=ends_after)
    stored = phase(starts_at, anchor, interval)
    own = schedule([stored], zone=zone, ends_at=ends_at)

    shared = Schedules(zone).from_cycle_2([stored], ends_at=ends_at)

    if shared is None and not isinstance(zone, str):
        assert days_before
        return
    if shared is None:
        assert days_before
        assert own.without_end().cycle(1).end > own.without_end().whole_cycle(1).start
        return
    for n in range(2, 6):
        assert told(shared, n) == told(own, n)
        assert told(shared.agreed(n, expires_at=ends_at), n) == told(own.agreed(n, expires_at=ends_at), n)


def test_all_that_began_on_a_day_share_one_but_for_their_end():
    schedules = Schedules("Europe/Berlin")
    day = date(2026, 1, 31)
    at = [datetime.combine(day, time(hour), UTC) for hour in (1, 9, 22)]
    monthly = [phase(one, day, ("Month", 1)) for one in at]

    made = [schedules.from_cycle_2([one], ends_at=None) for one in monthly]

    assert made[0] is made[1] is made[2]
    assert schedules.from_cycle_2(monthly[:1], ends_at=at[0] + timedelta(days=50)) is not made[0]
    assert schedules.from_cycle_2([phase(at[0], day, ("Week", 1))], ends_at=None) is not made[0]


def test_what_has_two_phases_or_began_cycles_after_its_anchor_shares_none():
    schedules = Schedules("UTC")
    start = datetime(2026, 3, 20, tzinfo=UTC)
    first, second = phase(start, start.date(), ("Month", 1)), phase(start, start.date(), ("Month", 1), first_cycle=4)

    assert schedules.from_cycle_2([first, second], ends_at=None) is None
    assert schedules.from_cycle_2([phase(start, date(2026, 1, 31), ("Month", 1))], ends_at=None) is None


def test_the_interval_of_a_shared_schedule_is_that_of_its_phases():
    start = datetime(2026, 3, 20, tzinfo=UTC)

    made = Schedules("UTC").from_cycle_2([phase(start, start.date(), ("Month", 3))], ends_at=None)

    assert made is not None
    assert made.phases[0].interval == Interval("Month", 3)


def test_a_price_is_in_force_from_its_very_instant_on_and_the_first_one_before_it_too():
    june, july = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    versions = [Terms(PriceVersion(number=n, effective_at=at), ()) for n, at in ((1, june), (2, july))]
    instants = (june - timedelta(days=9), july - timedelta(microseconds=1), july)

    assert [in_force(versions, instant).version.number for instant in instants] == [1, 1, 2]
