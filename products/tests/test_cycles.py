"""Hold cycles to the calendar; the table of plain cases is tests/golden/cycles."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise

import pytest

from core.periods import FormerZone, Interval, Period, Zones, local_date, local_midnight
from products.cycles import BillingPoint, NoSuchCycle, Phase, Schedule, billing_points, cycle, cycle_at, end_on, first_phase


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MONTHLY = (first_phase(starts_at=utc("2026-01-15T10:00"), interval=Interval("Month", 1), zone="UTC"),)
MOVED = (*MONTHLY, Phase(3, utc("2026-03-01"), date(2026, 3, 1), Interval("Month", 1)))


def test_a_new_subscription_is_anchored_at_its_local_date():
    phase = first_phase(starts_at=utc("2026-01-31T23:30"), interval=Interval("Month", 1), zone="Europe/Berlin")

    assert phase.anchor_date == date(2026, 2, 1)


def test_a_later_phase_cuts_the_cycle_before_it():
    assert cycle(1, MOVED, "UTC") == Period(utc("2026-01-15T10:00"), utc("2026-02-15"))
    assert cycle(2, MOVED, "UTC") == Period(utc("2026-02-15"), utc("2026-03-01"))
    assert cycle(3, MOVED, "UTC") == Period(utc("2026-03-01"), utc("2026-04-01"))


def test_a_later_phase_may_make_the_cycle_before_it_longer():
    phases = (*MONTHLY, Phase(2, utc("2026-04-01"), date(2026, 4, 1), Interval("Month", 1)))

    assert cycle(1, phases, "UTC").end == utc("2026-04-01")
    assert cycle_at(utc("2026-03-20"), phases, "UTC") == 1
    assert Schedule(phases, "UTC").proration(1) == 1


def test_an_end_cuts_the_last_cycle():
    assert cycle(2, MONTHLY, "UTC", ends_at=utc("2026-02-16")) == Period(utc("2026-02-15"), utc("2026-02-16"))


def test_there_is_no_cycle_after_the_end_or_before_the_first():
    with pytest.raises(NoSuchCycle):
        cycle(3, MONTHLY, "UTC", ends_at=utc("2026-03-15"))
    with pytest.raises(NoSuchCycle):
        cycle(0, MONTHLY, "UTC")


def test_a_cut_cycle_counts_by_its_duration_and_the_first_one_whole():
    assert Schedule(MOVED, "UTC").proration(1) == 1
    assert Schedule(MOVED, "UTC").proration(2) == Fraction(14, 28)
    assert Schedule(MOVED, "UTC").proration(3) == 1


@pytest.mark.parametrize(
    ("instant", "n"),
    [
        ("2026-01-15T10:00", 1),
        ("2026-02-14T23:59:59.999999", 1),
        ("2026-02-15", 2),
        ("2026-02-28", 2),
        ("2026-03-01", 3),
        ("2031-03-01", 63),
    ],
)
def test_an_instant_lies_in_one_cycle(instant, n):
    assert cycle_at(utc(instant), MOVED, "UTC") == n


@pytest.mark.parametrize("instant", ["2026-01-15T09:59:59", "2026-05-01"])
def test_no_cycle_runs_before_the_start_or_from_the_end_on(instant):
    with pytest.raises(NoSuchCycle):
        cycle_at(utc(instant), MONTHLY, "UTC", ends_at=utc("2026-05-01"))


def test_billing_points_are_the_start_and_every_end():
    points = list(billing_points(MOVED, "UTC", until=utc("2026-04-01")))

    assert points == [
        BillingPoint(0, utc("2026-01-15T10:00")),
        BillingPoint(1, utc("2026-02-15")),
        BillingPoint(2, utc("2026-03-01")),
        BillingPoint(3, utc("2026-04-01")),
    ]


def test_billing_points_go_on_after_the_one_given():
    assert [p.number for p in billing_points(MOVED, "UTC", until=utc("2026-04-01"), after=1)] == [2, 3]
    assert list(billing_points(MOVED, "UTC", until=utc("2026-04-01"), after=3)) == []


def test_the_last_billing_point_is_the_end():
    endless = datetime(9000, 1, 1, tzinfo=UTC)

    assert [p.at for p in billing_points(MONTHLY, "UTC", until=endless, ends_at=utc("2026-02-20"), after=0)] == [
        utc("2026-02-15"),
        utc("2026-02-20"),
    ]
    assert list(billing_points(MONTHLY, "UTC", until=endless, ends_at=utc("2026-02-15"), after=1)) == []
    assert list(billing_points(MONTHLY, "UTC", until=endless, ends_at=utc("2026-01-15T10:00"))) == []


def test_billing_points_of_an_endless_subscription_never_run_out():
    points = billing_points(MONTHLY, "UTC", until=datetime(9000, 1, 1, tzinfo=UTC))

    assert [p.number for p in islice(points, 300)] == list(range(300))


def test_a_schedule_knows_its_points_until_its_end():
    schedule = Schedule(MONTHLY, "UTC", ends_at=utc("2026-03-01"))

    assert [schedule.point_at(n) for n in range(4)] == [utc("2026-01-15T10:00"), utc("2026-02-15"), utc("2026-03-01"), None]
    assert [schedule.has_cycle(n) for n in range(4)] == [False, True, True, False]
    assert schedule.without_end().has_cycle(99)


def test_a_subscription_that_ended_before_it_started_has_no_point():
    assert Schedule(MONTHLY, "UTC", ends_at=utc("2026-01-01")).point_at(0) is None


DAY, MONTH, WEEKS = Interval("Day", 1), Interval("Month", 1), Interval("Week", 2)


@pytest.mark.parametrize("interval", [DAY, WEEKS, MONTH])
@pytest.mark.parametrize("starts_at", [utc("2026-01-31T20:30"), utc("2026-02-10T00:00"), utc("2026-02-11T03:00")])
@pytest.mark.parametrize("name", ["Asia/Kolkata", "America/New_York", "Pacific/Auckland"])
def test_a_changed_zone_keeps_every_cycle_that_had_begun_and_cuts_the_others_at_its_own_midnights(interval, starts_at, name):
    until = utc("2026-02-11T12:00")
    zones = Zones(name, (FormerZone("UTC", until),))
    phase = first_phase(starts_at=starts_at, interval=interval, zone=zones)
    before, after = Schedule((phase,), "UTC"), Schedule((phase,), zones)

    cycles = [after.cycle(n) for n in range(1, 40)]

    begun = [n for n, one in enumerate(cycles, 1) if one.start <= until]
    assert [after.cycle(n) for n in begun] == [before.cycle(n) for n in begun]
    assert all(one.end == following.start for one, following in pairwise(cycles))
    assert all(local_midnight(local_date(one.end, name), name) == one.end for one in cycles[len(begun) :])
    for n, one in enumerate(cycles, 1):
        assert (after.cycle_at(one.start), after.cycle_at(one.end - timedelta(microseconds=1))) == (n, n)


def test_a_zone_may_change_twice_and_what_begins_later_knows_only_the_last():
    zones = Zones(
        "Asia/Kolkata", (FormerZone("UTC", utc("2026-02-11T12:00")), FormerZone("Europe/Berlin", utc("2026-03-11T12:00")))
    )
    of_january = first_phase(starts_at=utc("2026-01-05T10:00"), interval=MONTH, zone=zones)
    of_march = first_phase(starts_at=utc("2026-03-11T13:00"), interval=MONTH, zone=zones)

    assert [Schedule((of_january,), zones).cycle(n).end for n in (1, 2, 3, 4)] == [
        utc("2026-02-05T00:00"),
        utc("2026-03-05T00:00"),
        utc("2026-04-04T22:00"),
        utc("2026-05-04T18:30"),
    ]
    assert Schedule((of_march,), zones).cycle(1).end == utc("2026-04-10T18:30")


def test_terms_that_go_on_with_a_cycle_or_its_anchor_end_it_as_it_was():
    zones = Zones("America/New_York", (FormerZone("UTC", utc("2026-02-11T12:00")),))
    phase = first_phase(starts_at=utc("2026-02-10T09:00"), interval=MONTH, zone=zones)
    goes_on = Phase(2, utc("2026-02-20T09:00"), phase.anchor_date, MONTH, continues_from=phase.starts_at)
    follows = Phase(2, utc("2026-03-10T00:00"), phase.anchor_date, MONTH)

    assert Schedule((phase, goes_on), zones).cycle(2).end == utc("2026-03-10T00:00")
    assert Schedule((phase, follows), zones).cycle(2) == Period(utc("2026-03-10T00:00"), utc("2026-04-10T04:00"))


@pytest.mark.parametrize(
    ("day", "ends_at"),
    [
        ("2026-02-28", "2026-02-28"),  # cycle 1, as it ends
        ("2026-03-20", "2026-03-20"),  # in cycle 2, which ran as the zone changed
        ("2026-03-31", "2026-03-31"),
        ("2026-04-01", "2026-04-01T04:00"),  # in cycle 3, the first of the new zone
        ("2026-04-30", "2026-04-30T04:00"),
    ],
)
def test_an_end_on_a_date_is_cut_by_the_zone_of_its_cycle(day, ends_at):
    zones = Zones("America/New_York", (FormerZone("UTC", utc("2026-03-10T12:00")),))
    phase = first_phase(starts_at=utc("2026-01-31T09:00"), interval=Interval("Month", 1), zone=zones)

    assert end_on(date.fromisoformat(day), phase, zones) == utc(ends_at)
    assert end_on(date.fromisoformat(day), phase, "UTC") == utc(day)


@pytest.mark.parametrize("name", ["Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize(("interval", "count"), [(Interval("Day", 1), 28), (Interval("Week", 1), 4), (Interval("Week", 2), 2)])
def test_a_life_that_was_agreed_by_a_former_zone_ends_with_the_cycle_of_its_date(name, interval, count):
    zones = Zones(name, (FormerZone("UTC", utc("2026-03-04T12:00")),))
    phase = first_phase(starts_at=utc("2026-03-01"), interval=interval, zone=zones)
    schedule = Schedule((phase,), zones, utc("2026-03-29"))

    points = list(schedule.points(until=utc("2026-04-30")))
    cycles = [schedule.cycle(n) for n in range(1, count + 1)]

    assert [point.number for point in points] == list(range(count + 1))
    assert [point.at for point in points[1:]] == [one.end for one in cycles]
    assert cycles[-1].end == utc("2026-03-29")
    assert not schedule.has_cycle(count + 1)
    assert [schedule.cycle_at(one.start) for one in cycles] == list(range(1, count + 1))
    assert [schedule.cycle_at(one.end - timedelta(microseconds=1)) for one in cycles] == list(range(1, count + 1))
    assert {schedule.proration(n) for n in range(1, count + 1)} == {Fraction(1)}


def test_a_cycle_that_was_moved_to_the_date_of_an_agreed_end_ends_there():
    zones = Zones("Asia/Kolkata", (FormerZone("UTC", utc("2026-02-15T12:00")),))
    weekly = first_phase(starts_at=utc("2026-01-01"), interval=Interval("Week", 1), zone=zones)
    moved = Phase(14, utc("2026-03-31T18:30"), date(2026, 4, 1), Interval("Week", 1))
    schedule = Schedule((weekly, moved), zones, utc("2026-04-01"))

    points = list(schedule.points(until=utc("2026-05-01"), after=11))

    assert points == [BillingPoint(12, utc("2026-03-25T18:30")), BillingPoint(13, utc("2026-04-01"))]
    assert not schedule.has_cycle(14)
    assert schedule.cycle_at(utc("2026-03-31T23:00")) == 13
