from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from access.actors import Actor
from core.exact_json import loads
from core.limits import TookTooLong, within
from core.periods import Period
from customers.models import Customer
from events.ingest import RequestRefused
from events.tests import sending
from meters import define, stored, verdicts, void, zero
from meters.filter_sql import Parameters
from meters.models import Meter
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db

TREE = {
    "conjunction": "and",
    "clauses": [
        {"key": "region", "operator": "equals", "value": "eu"},
        {
            "conjunction": "or",
            "clauses": [
                {"key": "status", "operator": "less_than", "value": 400},
                {"key": "cached", "operator": "equals", "value": True},
            ],
        },
    ],
}
PERIOD = Period(NOW - timedelta(days=30), NOW + timedelta(days=1))
GOOD = {"region": "eu", "status": 200, "size": 1}


@pytest.fixture
def meter() -> Meter:
    return factories.meter("sum", "size", filter=TREE)


def causes(meter: Meter, customer: Customer | None, period: Period = PERIOD) -> list[tuple[Any, ...]]:
    found = zero.explain(meter=meter, customer=customer, period=period).causes
    return [(one.kind, one.path or one.event_name or one.code, one.count, one.samples) for one in found]


def test_the_causes_come_in_order_with_counts_and_samples(meter: Meter) -> None:
    acme = factories.customer()
    for number, metadata in enumerate([{"region": "us"}, {"region": "us", "status": 1}, {"region": "eu", "status": 500}, {}]):
        log(acme, NOW + timedelta(minutes=number), metadata, event_id=f"f{number}")
    log(acme, NOW, {"region": "eu", "status": 200}, event_id="missing")
    log(acme, NOW, GOOD | {"size": "1"}, event_id="string")
    log(acme, NOW, GOOD | {"size": True}, event_id="boolean")
    log(acme, NOW, GOOD, event_id="void")
    log(acme, NOW, GOOD, name="Tokens ", event_id="near")
    log(factories.customer(), NOW, GOOD, event_id="of another")
    void.void(event=factories.event("void"), reason="", actor=Actor("system", "test"), now=NOW)
    key, _secret = sending.make_key()
    with pytest.raises(RequestRefused):
        sending.send(key, sending.event("r", f" {acme.public_id.upper()} "), received_at=NOW)

    assert causes(meter, acme) == [
        ("near_name", "Tokens ", 1, ("near",)),
        ("filter", "filter.clauses[0]", 3, ("f3", "f1", "f0")),
        ("filter", "filter.clauses[1]", 1, ("f2",)),
        ("property_missing", None, 1, ("missing",)),
        ("property_is_string", None, 1, ("string",)),
        ("property_not_numeric", None, 1, ("boolean",)),
        ("voided", None, 1, ("void",)),
        ("refused", "CUSTOMER_NOT_FOUND", 1, ("r",)),
    ]


def test_silence_is_told_from_another_name_another_time_and_an_archived_meter(meter: Meter) -> None:
    acme, silent = factories.customer(), factories.customer()

    assert causes(meter, None) == [("name_never_received", None, 0, ())]
    log(acme, NOW - timedelta(days=60), GOOD, event_id="early")
    assert causes(meter, silent) == [("no_events", None, 0, ())]
    assert causes(meter, acme) == [("outside_period", None, 1, ("early",))]
    define.archive(meter=meter, now=NOW)
    log(acme, NOW, GOOD, event_id="archived")
    assert causes(meter, acme) == [("archived", None, 1, ("archived",))]


def test_what_was_counted_and_how_much_was_read_is_said(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = factories.customer()
    for number in range(3):
        log(acme, NOW + timedelta(minutes=number), GOOD | {"region": "eu" if number else "us"})

    whole = zero.explain(meter=meter, customer=acme, period=PERIOD)
    monkeypatch.setattr(zero, "READ_EVENTS", 2)
    newest = zero.explain(meter=meter, customer=acme, period=PERIOD)

    assert (whole.quantity.quantity, whole.read_count, whole.is_complete, len(whole.causes)) == (Decimal(2), 3, True, 1)
    assert (newest.quantity.quantity, newest.read_count, newest.is_complete, len(newest.causes)) == (Decimal(2), 2, False, 0)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        GOOD,
        {"region": "us"},
        {"region": "eu"},
        {"region": "eu", "cached": True},
        GOOD | {"size": "x"},
        GOOD | {"size": False},
    ],
)
def test_the_cause_in_sql_is_the_verdict_in_python(meter: Meter, metadata: dict[str, Any]) -> None:
    log(factories.customer(), NOW, metadata, event_id="e")
    definition, parameters = stored.definitions([meter.pk])[meter.pk], Parameters()
    cause = zero.cause_sql(definition, parameters)
    judged = verdicts.verdict(definition, timestamp=NOW, metadata=metadata, is_void=False)

    with connection.cursor() as cursor:
        cursor.execute(b"SELECT " + cause.as_bytes(None) + b", e.metadata::text FROM events_event e", parameters.bound)
        ((named, kept),) = cursor.fetchall()

    assert loads(kept) == metadata
    assert ("filter" if named.startswith("filter") else named or None) == judged.reason


def test_a_statement_is_broken_off_and_the_limit_ends_with_the_block() -> None:
    with pytest.raises(TookTooLong), within(1), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(3)")
    with within(1):
        pass

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] != "1s"
