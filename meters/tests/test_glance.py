"""Many meters at a glance: what each one's own page says, in as few statements for many as for one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from access.actors import COMMAND
from core.periods import Period
from meters import glance, rollup, series, void, windows
from meters.glance import Glance
from meters.models import Meter
from meters.series import Question
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

MONTH = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
DAYS = list(windows.windows(MONTH, "day", "UTC"))
KINDS = ("count", "sum", "max", "last")


def made(kind: str, **fields: Any) -> Meter:
    return factories.meter(kind, None if kind == "count" else "n", **fields)


def test_each_meter_comes_to_what_its_own_page_says_rolled_up_or_not() -> None:
    acme, bolt = factories.customer(), factories.customer()
    meters = [made(kind, event_name=name) for kind in KINDS for name in ("tokens", "calls", "never")]
    for number, customer in enumerate((acme, bolt, acme, bolt, bolt)):
        log(customer, MONTH.start + timedelta(days=number * 2), {"n": Decimal("1.5") * (9 - number)})
        log(customer, MONTH.start + timedelta(hours=number), {"n": number}, name="calls")
    rolled = log(acme, MONTH.start + timedelta(days=9), {"n": 70})
    rollup.roll(now=NOW)
    unrolled = log(bolt, NOW, {"n": 90})
    log(bolt, NOW + timedelta(days=1), {"n": Decimal("0.25")})
    log(bolt, MONTH.start - timedelta(microseconds=1), {"n": 1000})
    for event_id in (rolled, unrolled):
        void.void(event=factories.event(event_id), reason="twice", actor=COMMAND, now=NOW)

    found = glance.glances([meter.pk for meter in meters], days=DAYS)

    for meter in meters:
        own = series.total(meter_id=meter.pk, period=MONTH)
        assert (found[meter.pk].quantity, found[meter.pk].event_count) == (own.quantity, own.event_count), meter.aggregation
        days = [row.quantity for row in series.series(Question(meter.pk, MONTH, "day"))]
        assert list(found[meter.pk].days) == (days if meter.aggregation in ("count", "sum") else [])


def test_a_meter_that_is_catching_up_or_cannot_be_read_says_so_and_hides_no_other() -> None:
    log(factories.customer(), NOW, {"n": 3})
    broken, ready = made("sum"), made("sum")
    Meter.objects.filter(pk=broken.pk).update(filter={"conjunction": "xor", "clauses": []})
    rollup.roll(now=NOW)
    rollup.rebuild(meter=(behind := made("max")))

    found = glance.glances([broken.pk, ready.pk, behind.pk], days=DAYS)

    assert found[broken.pk] == Glance(missing="unreadable")
    assert found[behind.pk] == Glance(missing="catching_up")


def test_so_many_customers_that_a_list_cannot_wait_are_told_to_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "SECONDS", Decimal("0.001"))
    acme, greatest, sums = factories.customer(), made("max"), made("sum")
    for number in range(30):
        log(acme, NOW + timedelta(minutes=number), {"n": number})
    rollup.roll(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO meters_usageday (meter_id, customer_id, day, event_count, quantity_max, log_epoch, log_xid, log_arrival)
            SELECT %s, n, '2026-10-15', 1, n, 1, '1', 1 FROM generate_series(1, 20000) n ON CONFLICT DO NOTHING""",
            [greatest.pk],
        )

    found = glance.glances([greatest.pk, sums.pk], days=DAYS)

    assert found[greatest.pk].missing == "too_many"
    assert found[sums.pk].quantity == sum(range(30))
