"""Usage over time and by group: every window listed, totals equal to the sum of their parts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import connection

from access.actors import COMMAND
from core.periods import Period
from meters import rollup, series, void
from meters.series import Question, RangeTooLarge
from meters.usage import PeriodOutOfReach
from meters.windows import WINDOWS
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 10, 15, tzinfo=UTC)
MONTH = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
KINDS = ("count", "sum", "max", "last")


def quantities(question: Question) -> list[Any]:
    return [row.quantity for row in series.series(question)]


class Traffic:
    """Two customers over three days; the last event of each is not rolled up yet."""

    def __init__(self) -> None:
        self.acme, self.bolt = factories.customer("Acme"), factories.customer("Bolt")
        self.meters = {kind: factories.meter(kind, None if kind == "count" else "n") for kind in KINDS}
        for customer, hours, n in ((self.acme, 1, 5), (self.acme, 2, 3), (self.bolt, 1, 10), (self.bolt, 25, Decimal("0.5"))):
            log(customer, MIDNIGHT + hours * HOUR, {"n": n, "model": "large" if n == 5 else "small"})
        rollup.roll(now=NOW)
        log(self.acme, MIDNIGHT + 49 * HOUR, {"n": 4, "model": 7})
        log(self.bolt, MIDNIGHT + 26 * HOUR, {"n": 1})

    def ask(self, kind: str, **question: Any) -> list[Any]:
        return quantities(Question(self.meters[kind].id, **{"period": MONTH, **question}))


@pytest.mark.parametrize(("kind", "left"), [("count", 1), ("sum", 5), ("max", 5), ("last", 5)])
def test_days_whose_events_are_all_void_add_nothing_to_their_customer(kind: str, left: int) -> None:
    acme, bolt = factories.customer("Acme"), factories.customer("Bolt")
    meter = factories.meter(kind, None if kind == "count" else "n")
    log(acme, MIDNIGHT, {"n": 5})
    later, all_of_bolt = log(acme, MIDNIGHT + DAY, {"n": 9}), log(bolt, MIDNIGHT, {"n": 7})
    rollup.roll(now=NOW)
    for event_id in (later, all_of_bolt):
        void.void(event=factories.event(event_id), reason="", actor=COMMAND, now=NOW)

    rows = series.by_customer(meter_id=meter.id, period=MONTH)

    assert [(row.customer_id, row.quantity, row.event_count, row.latest_at) for row in rows] == [(acme.id, left, 1, MIDNIGHT)]


@pytest.mark.parametrize(
    ("kind", "acme", "bolt"), [("count", 3, 3), ("sum", 12, Decimal("11.5")), ("max", 5, 10), ("last", 4, 1)]
)
def test_a_total_is_the_sum_of_what_each_customer_would_be_billed(kind: str, acme: Any, bolt: Any) -> None:
    traffic = Traffic()
    meter_id = traffic.meters[kind].id

    rows = series.by_customer(meter_id=meter_id, period=MONTH)

    assert {row.customer_id: row.quantity for row in rows} == {traffic.acme.id: acme, traffic.bolt.id: bolt}
    assert [row.quantity for row in rows] == sorted([acme, bolt], reverse=True)
    total = series.total(meter_id=meter_id, period=MONTH)
    assert (total.quantity, total.event_count) == (acme + bolt, 6)
    assert series.total(meter_id=meter_id, period=MONTH, customer_id=traffic.acme.id).quantity == acme


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("count", [0, 3, 2, 1]),
        ("sum", [0, 18, Decimal("1.5"), 4]),
        ("max", [None, 15, 1, 4]),
        ("last", [None, 13, 1, 4]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Africa/Abidjan"])
def test_each_day_is_listed_the_empty_ones_too(kind: str, days: list[Any], zone: str) -> None:
    period = Period(MIDNIGHT - DAY, MIDNIGHT + 3 * DAY)

    rows = Traffic().ask(kind, period=period, window="day", zone=zone)

    assert rows == days


@pytest.mark.parametrize(
    ("kind", "hours"), [("count", [0, 2, 1]), ("sum", [0, 15, 3]), ("max", [None, 10, 3]), ("last", [None, 10, 3])]
)
def test_hours_of_all_customers_show_the_greatest_and_the_latest_of_any(kind: str, hours: list[Any]) -> None:
    assert Traffic().ask(kind, period=Period(MIDNIGHT, MIDNIGHT + 3 * HOUR), window="hour") == hours


@pytest.mark.parametrize("kind", KINDS)
def test_hours_of_one_customer_are_counted_from_raw_events(kind: str) -> None:
    traffic = Traffic()

    rows = traffic.ask(kind, period=Period(MIDNIGHT, MIDNIGHT + 3 * HOUR), window="hour", customer_id=traffic.acme.id)

    assert rows[1:] == ([1, 1] if kind == "count" else [5, 3])


@pytest.mark.parametrize(
    "period", [MONTH, Period(MIDNIGHT + 59 * timedelta(minutes=1), MIDNIGHT + 49 * HOUR + timedelta(microseconds=1))]
)
def test_the_windows_of_count_and_sum_add_up_to_the_whole(period: Period) -> None:
    traffic = Traffic()
    zones = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York")
    asked = product(WINDOWS, zones, ((None, 6, Decimal("23.5")), (traffic.acme.id, 3, 12)))

    for window, zone, (customer_id, count, total) in asked:
        question = {"period": period, "window": window, "zone": zone, "customer_id": customer_id}
        assert (sum(traffic.ask("count", **question)), sum(traffic.ask("sum", **question))) == (count, total), question


def test_a_day_of_23_hours_is_whole(settings: Any) -> None:
    factories.billing_zone("Europe/Berlin", settings)
    acme, meter = factories.customer(), factories.meter()
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    for minutes in (-1, 0, 23 * 60 - 1, 23 * 60):
        log(acme, start + timedelta(minutes=minutes))
    rollup.roll(now=NOW)
    period = Period(start - DAY, start + 2 * DAY)

    for customer_id in (None, acme.id):
        rows = series.series(Question(meter.id, period, "day", "Europe/Berlin", customer_id))
        assert [(row.start, row.quantity) for row in rows][:3] == [(start - DAY, 1), (start, 2), (start + 23 * HOUR, 1)]


@pytest.mark.parametrize(
    ("kind", "large", "small"), [("count", 1, 3), ("sum", 5, Decimal("13.5")), ("max", 5, 13), ("last", 5, Decimal("3.5"))]
)
def test_a_metadata_key_groups_by_its_values_of_every_type(kind: str, large: Any, small: Any) -> None:
    question = Question(Traffic().meters[kind].id, MONTH, by_key="model")

    rows = {row.group: row.quantity for row in series.series(question)}

    missing, seven = (1, 1) if kind == "count" else (1, 4)
    assert rows == {"large": large, "small": small, 7: seven, None: missing}


def test_equal_numbers_are_one_group_however_they_were_written() -> None:
    acme, sizes = factories.customer(), factories.meter("sum", "n")
    for hour, value in enumerate((Decimal("1.0"), 1, Decimal("1e0"), "1", True, Decimal("0.50"))):
        log(acme, MIDNIGHT + hour * HOUR, {"n": 2**hour, "version": value})
    groups = Question(sizes.id, MONTH, by_key="version")

    rows = series.series(groups)
    top = series.series(replace(groups, window="month", top=1))

    assert [(type(row.group), row.group, row.quantity) for row in rows] == [
        (Decimal, Decimal("0.5"), 32),
        (bool, True, 16),
        (str, "1", 8),
        (int, 1, 7),
    ]
    assert [(row.group, row.quantity) for row in top] == [(Decimal("0.5"), 32)]


def test_top_keeps_the_greatest_groups_of_the_whole_period() -> None:
    traffic = Traffic()
    sums = traffic.meters["sum"].id

    assert [row.customer_id for row in series.by_customer(meter_id=sums, period=MONTH, top=1)] == [traffic.acme.id]
    by_day = series.series(Question(sums, Period(MIDNIGHT, MIDNIGHT + 3 * DAY), "day", by_customer=True, top=1))
    assert [(row.start, row.customer_id, row.quantity) for row in by_day] == [
        (MIDNIGHT, traffic.acme.id, 8),
        (MIDNIGHT + 2 * DAY, traffic.acme.id, 4),
    ]
    by_model = series.series(Question(sums, Period(MIDNIGHT, MIDNIGHT + 3 * DAY), "day", by_key="model", top=2))
    assert {row.group for row in by_model} == {"small", "large"}


def test_a_meter_that_is_catching_up_shows_the_same() -> None:
    traffic = Traffic()
    before = [traffic.ask(kind, window="day") for kind in KINDS]
    for meter in traffic.meters.values():
        rollup.rebuild(meter=meter)

    assert [traffic.ask(kind, window="day") for kind in KINDS] == before


def test_rows_carry_the_latest_event() -> None:
    traffic = Traffic()

    assert series.total(meter_id=traffic.meters["count"].id, period=MONTH).latest_at == MIDNIGHT + 49 * HOUR


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"window": "hour"}, "more than 10000 windows"),
        ({"window": "hour", "customer_id": 1, "period": Period(MIDNIGHT, MIDNIGHT + 93 * DAY)}, "at most 92 days"),
        ({"by_key": "model"}, "at most 92 days"),
        ({"window": "day", "zone": "Asia/Kolkata", "by_customer": True}, "days in the zone UTC"),
    ],
)
def test_a_range_that_is_too_large_says_how_to_narrow_it(question: dict[str, Any], message: str) -> None:
    meter = factories.meter()
    years = Period(MIDNIGHT - 1000 * DAY, MIDNIGHT + 1000 * DAY)

    with pytest.raises(RangeTooLarge, match=message):
        series.series(Question(meter.id, **{"period": years, **question}))


@pytest.mark.parametrize("start", [datetime(1, 1, 1, tzinfo=UTC), datetime(9998, 6, 1, tzinfo=UTC)])
def test_a_period_at_the_ends_of_the_calendar_is_refused(start: datetime) -> None:
    with pytest.raises(PeriodOutOfReach, match="before the year 2 or after 9997"):
        series.total(meter_id=1, period=Period(start, start + DAY))


def test_counting_raw_events_for_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    acme, meter = factories.customer(), factories.meter()
    log(acme, MIDNIGHT, {"model": "x"})
    before = statement_timeout()
    monkeypatch.setattr(series, "RAW_SECONDS", 0.001)
    monkeypatch.setattr(series, "template", slowed(series.template))

    with pytest.raises(RangeTooLarge, match="took longer"):
        series.series(Question(meter.id, MONTH, by_key="model"))

    assert statement_timeout() == before


def statement_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        return str(cursor.fetchone()[0])


def slowed(template: Any) -> Any:
    """Make the series statement wait longer than it may."""

    def load(name: str) -> Any:
        sql = template(name)
        return type(sql)(sql._obj.replace("FROM tally", "FROM tally, pg_sleep(1)")) if name == "series" else sql

    return load


def test_an_open_period_is_answered() -> None:
    traffic = Traffic()

    assert series.total(meter_id=traffic.meters["count"].id, period=Period.since(MIDNIGHT)).quantity == 6
