"""The catalogue knows what events carry, from a few of them, and never costs a roll anything."""

from datetime import timedelta
from decimal import Decimal

import pytest

from events import catalogue
from events.catalogue import OfferedName, Sample
from events.models import EventProperty
from meters import rollup
from meters.models import UsageDay
from tests import factories
from tests.factories import NOW, log

TYPES = {"number": 0, "string": 0, "boolean": 0}


@pytest.mark.django_db(transaction=True)
def test_the_roller_keeps_keys_types_and_exact_samples() -> None:
    acme = factories.customer()
    log(acme, NOW, {"tokens": Decimal("0.10"), "model": "small", "cached": True})
    log(acme, NOW + timedelta(minutes=1), {"tokens": "12", "model": "large"})
    rollup.roll(now=NOW)
    log(acme, NOW, {"tokens": 12345678901234567890})
    rollup.roll(now=NOW)
    rollup.roll(now=NOW)

    found = {one.key: one for one in catalogue.properties("tokens")}

    assert {key: one.counts for key, one in found.items()} == {
        "tokens": {**TYPES, "number": 2, "string": 1},
        "model": {**TYPES, "string": 2},
        "cached": {**TYPES, "boolean": 1},
    }
    assert found["tokens"].samples == [
        Sample("number", "12345678901234567890"), Sample("string", "12"), Sample("number", "0.10"),
    ]  # fmt: skip
    assert found["tokens"].kind == "number"


@pytest.mark.django_db(transaction=True)
def test_a_long_stretch_costs_a_few_looks_and_made_up_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "LOOKED_AT", 5)
    monkeypatch.setattr(catalogue, "MOST_KEYS", 3)
    acme = factories.customer()
    for number in range(100):
        log(acme, NOW + timedelta(seconds=number), {f"key-{number}": number, "always": 1})
    rollup.roll(now=NOW)

    found = catalogue.properties("tokens")

    assert len(found) == 3
    assert 1 <= next(one for one in found if one.key == "always").total <= 10


@pytest.mark.django_db(transaction=True)
def test_a_catalogue_that_fails_costs_the_roll_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_found: object) -> None:
        EventProperty.objects.create(event_name_id=None)

    factories.meter()
    log(factories.customer(), NOW, {"n": 1})
    monkeypatch.setattr(catalogue, "_write", fail)

    assert rollup.roll(now=NOW).event_count == 1
    assert UsageDay.objects.get().event_count == 1


@pytest.mark.django_db
def test_names_come_with_how_many_events_they_had_of_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "RECENT_BOUND", 2)
    acme = factories.customer()
    log(acme, NOW - timedelta(days=30), name="Old.call")
    for _ in range(3):
        log(acme, NOW, {"n": 1}, name="api.call")

    assert catalogue.offered_names(now=NOW) == [OfferedName("api.call", 2), OfferedName("Old.call", 0)]
    assert catalogue.offered_names(now=NOW, contains="OLD") == [OfferedName("Old.call", 0)]
    assert catalogue.near_names("API.Call ") == ["api.call"]
    log(acme, NOW, name="ÜBERTRAGUNG")
    assert catalogue.near_names("Übertragung") == ["ÜBERTRAGUNG"]
    assert [one.key for one in catalogue.properties("api.call")] == ["n"], "also before the roller has seen it"
    assert catalogue.properties("unknown") == []
