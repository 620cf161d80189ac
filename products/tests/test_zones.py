from datetime import date, timedelta

import pytest

from core.periods import FormerZone, Zones
from products.tests.making import utc
from products.zones import date_at, midnight_of

MICROSECOND = timedelta(microseconds=1)
MOVED = utc("2026-03-31T20:00")  # already 1 April in Kolkata, still 31 March in New York


@pytest.mark.parametrize(
    ("zones", "begins"),
    [
        ("UTC", "2026-04-01T00:00"),
        (Zones("Asia/Kolkata", (FormerZone("UTC", utc("2026-03-31T18:00")),)), "2026-03-31T18:30"),
        (Zones("Asia/Kolkata", (FormerZone("UTC", utc("2026-04-01")),)), "2026-04-01T00:00"),
        (Zones("America/New_York", (FormerZone("UTC", MOVED),)), "2026-04-01T04:00"),
        (Zones("UTC", (FormerZone("Asia/Kolkata", utc("2026-03-31T18:00")), FormerZone("UTC", MOVED))), "2026-04-01T00:00"),
    ],
)
def test_a_date_begins_by_the_zone_of_then(zones, begins):
    assert midnight_of(date(2026, 4, 1), zones) == utc(begins)


def test_a_date_that_a_change_of_the_zone_begins_does_so_with_it():
    zones = Zones("Asia/Kolkata", (FormerZone("UTC", MOVED),))

    began = midnight_of(date(2026, 4, 1), zones)

    assert began == MOVED + MICROSECOND
    assert (date_at(MOVED, zones), date_at(began, zones)) == (date(2026, 3, 31), date(2026, 4, 1))


def test_a_day_that_was_set_stays_the_day_that_it_was():
    zones = Zones("America/New_York", (FormerZone("UTC", MOVED),))
    due_at = utc("2026-04-15T01:00")

    assert date_at(due_at, zones) == date(2026, 4, 14)
    assert date_at(due_at, zones, set_at=utc("2026-03-31")) == date(2026, 4, 15)
