"""The statements that run all day find what they need by the indexes that were made for them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from core.periods import Period
from meters import preview, rollup, series, stored, usage
from meters.series import Question
from meters.usage import UsageRequest
from tests import factories
from tests.factories import NOW, log
from tests.plans import plan

pytestmark = pytest.mark.django_db(transaction=True)

MONTH = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
FROM_NOON = Period(MONTH.start + timedelta(hours=12), MONTH.end)


def test_every_hot_statement_reads_by_index() -> None:
    acme = factories.customer()
    sums, latest = factories.meter("sum", "n"), factories.meter("last", "n")
    for number in range(50):
        log(acme, NOW + timedelta(minutes=number), {"n": number})
    rolled = plan(lambda: rollup.roll(now=NOW, size=40))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    plans = {
        "one customer": plan(lambda: usage.quantities(requests=[UsageRequest(sums.id, acme.id, MONTH)])),
        "from noon": plan(lambda: usage.quantities(requests=[UsageRequest(sums.id, acme.id, FROM_NOON)])),
        "total": plan(lambda: series.total(meter_id=sums.id, period=MONTH)),
        "customers": plan(lambda: series.by_customer(meter_id=latest.id, period=MONTH)),
    }
    previewed = plan(lambda: preview.preview(stored.definitions([sums.id])[sums.id]))
    in_hours = plan(lambda: series.series(Question(sums.id, MONTH, "hour", customer_id=acme.id)))

    assert "event_by_position" in rolled
    # To sort all that is counted, by day and by quarter hour, would take a fifth of the roller's time.
    assert len(re.findall(r"HashAggregate.*\n *Group Key: c\w*\.meter_id", rolled)) == 2
    for title, indexes in {
        "one customer": {"usage_day_unique"},
        "from noon": {"usage_day_unique", "event_by_"},
        "total": {"meter_quarter_unique"},
        "customers": {"usage_day", "usage_block_unique"},
    }.items():
        assert [index for index in indexes if index not in plans[title]] == [], title
    for title, text in {"roll": rolled, **plans}.items():
        assert "Seq Scan on events_event " not in text, title
    # Of the voids, of which there may be millions, those of the events that are read.
    assert "event_id = ANY" in previewed
    # Joined with 744 windows, each event would be compared with each of them.
    assert "width_bucket" in in_hours
    assert "CTE span" not in in_hours
