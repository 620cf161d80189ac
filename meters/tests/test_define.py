"""Meters are made, described, archived and brought back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection

from core.periods import FOREVER, Period
from meters import define, filters, rollup, stored
from meters.aggregation import AggregationInvalid
from meters.definition import ALWAYS, Definition
from meters.models import Meter
from tests import factories
from tests.factories import NOW, log

LATER = NOW + timedelta(hours=1)
FILTER = {"conjunction": "and", "clauses": [{"key": "rate", "operator": "less_than", "value": Decimal("0.1")}]}


@pytest.mark.django_db
def test_a_meter_reads_back_as_the_definition_it_was_made_of() -> None:
    meter = factories.meter("sum", "n", filter=FILTER)

    assert meter.public_id.startswith("mtr_")
    assert stored.definitions([meter.id]) == {
        meter.id: Definition("tokens", "sum", "n", filters.parse(FILTER), (Period(ALWAYS, FOREVER),))
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": " "}, define.MeterInvalid),
        ({"name": "n" * 201}, define.MeterInvalid),
        ({"event_name": ""}, define.MeterInvalid),
        ({"measurement_unit": "u" * 101}, define.MeterInvalid),
        ({"aggregation": "sum"}, AggregationInvalid),
        ({"filter": []}, filters.FilterInvalid),
    ],
)
def test_what_is_no_meter_is_refused(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        factories.meter(**fields)

    assert not Meter.objects.exists()


@pytest.mark.django_db
def test_only_its_description_can_be_changed() -> None:
    meter = factories.meter()

    define.describe(meter=meter, now=LATER, name="Words", measurement_unit="word", description="")

    meter.refresh_from_db()
    assert (meter.name, meter.measurement_unit, meter.description, meter.updated_at) == ("Words", "word", "", LATER)
    with pytest.raises(TypeError):
        define.describe(meter=meter, now=LATER, event_name="other")


@pytest.mark.django_db
def test_archiving_ends_the_interval_and_bringing_back_opens_another() -> None:
    meter = factories.meter()

    assert define.archive(meter=meter, now=NOW).archived_at == NOW
    with pytest.raises(define.MeterAlreadyArchived):
        define.archive(meter=meter, now=NOW)
    assert define.unarchive(meter=meter, now=LATER).archived_at is None
    with pytest.raises(define.MeterNotArchived):
        define.unarchive(meter=meter, now=LATER)

    assert stored.activity([meter.id]) == {meter.id: (Period(ALWAYS, NOW), Period(LATER, FOREVER))}


@pytest.mark.django_db
def test_archiving_twice_at_one_instant_leaves_no_empty_interval() -> None:
    meter = factories.meter()
    define.archive(meter=meter, now=NOW)
    define.unarchive(meter=meter, now=NOW)
    define.archive(meter=meter, now=NOW)

    assert [interval.end - interval.start for interval in stored.activity([meter.id])[meter.id]][1:] == [
        timedelta(microseconds=1)
    ]


@pytest.mark.django_db(transaction=True)
def test_what_has_counted_keeps_its_definition() -> None:
    meter = factories.meter()
    log(factories.customer(), NOW)
    rollup.roll(now=NOW)

    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="its definition stands"):
        cursor.execute("UPDATE meters_meter SET event_name = 'other' WHERE id = %s", [meter.id])
