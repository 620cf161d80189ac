"""The CSV of the events behind a quantity says what the list of them says."""

import re
from datetime import timedelta

import pytest
from django.db import connection

from access.actors import Actor
from core.periods import FOREVER, Period
from core.sheets import csv_lines
from meters import behind, stored, void
from meters.behind import Asked
from meters.definition import ALWAYS
from meters.meter_sql import Snapshot
from tests import factories
from tests.factories import NOW, log

HOSTILE = ("=1+1", "\uff0bwide", "+", 'a "b", c', "नमस्ते", "two\nlines", "plain")


def now_seen() -> Snapshot:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        return Snapshot(1, cursor.fetchone()[0])


def listed(asked: Asked) -> bytes:
    """Write what `events` gives as the CSV was written before PostgreSQL wrote it."""
    rows = (
        (one.event_id, one.place.timestamp, one.received_at, one.number)
        + ((one.change, one.changed_at) if asked.since else (None, None))
        for one in behind.events(asked)
    )
    text = "".join(csv_lines(header=tuple(behind.COLUMNS), rows=rows)).replace("\r\n", "\n")
    return re.sub(r"(\.\d*[1-9])0+Z", r"\1Z", text).encode()


@pytest.mark.django_db(transaction=True)
def test_postgresql_writes_the_same_rows_of_a_quantity_and_of_a_difference() -> None:
    acme, meter = factories.customer(), factories.meter("sum", "n")
    numbers = ("0.000000000001", "-5", "1.50", "1e20", "0", "7", "100")
    for hour, (event_id, number) in enumerate(zip(HOSTILE, numbers, strict=True)):
        log(acme, NOW + timedelta(hours=hour, microseconds=hour * 1000), {"n": float(number)}, event_id=event_id)
    log(acme, NOW, {"n": "none"}, event_id="not counted")
    billed = now_seen()
    void.void(event=factories.event("+"), reason="wrong", actor=Actor("system", "test"), now=NOW)
    log(acme, NOW, {"n": 2}, event_id="-late")
    whole = Asked(stored.definitions([meter.id])[meter.id], acme.id, Period(ALWAYS, FOREVER), at=billed)
    difference = Asked(whole.definition, acme.id, whole.period, at=now_seen(), since=billed)

    written = [b"".join(behind.csv(one)) for one in (whole, difference)]

    assert written == [listed(whole), listed(difference)]
    assert written[0].count(b"'") == 3
    assert [line.split(b",")[0] for line in written[1].splitlines()] == [b"event_id", b"'+", b"'-late"]
