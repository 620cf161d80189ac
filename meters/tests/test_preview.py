"""A preview says what a definition would have counted of the newest events, and why not the others."""

from datetime import timedelta
from decimal import Decimal

import pytest

from access.actors import COMMAND
from core.periods import FOREVER, Period
from meters import filters, preview, usage, void
from meters.definition import ALWAYS, Definition
from meters.preview import PreviewTooSlow
from meters.usage import UsageRequest
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db

EU = {"key": "region", "operator": "equals", "value": "eu"}


def definition(
    aggregation: str = "sum", over_property: str | None = "n", clauses: tuple[object, ...] = (), name: str = "tokens"
) -> Definition:
    tree = filters.parse({"conjunction": "and", "clauses": list(clauses)}) if clauses else None
    return Definition(name, aggregation, over_property, tree, (Period(ALWAYS, FOREVER),))


def test_every_event_is_accounted_for() -> None:
    acme, zoo = factories.customer("Acme"), factories.customer("Zoo")
    log(acme, NOW, {"region": "eu", "n": Decimal("0.10")})
    log(zoo, NOW, {"region": "eu", "n": 12345678901234567890})
    log(acme, NOW - timedelta(days=1), {"region": "eu", "n": "7"})
    log(acme, NOW, {"region": "eu", "N": 7})
    log(acme, NOW, {"region": "eu", "n": True})
    log(acme, NOW, {"region": "us", "n": 1})
    log(acme, NOW, {"n": 1})
    log(acme, NOW, {"region": 5, "n": 1})
    log(acme, NOW, {"region": "eu", "n": 99}, event_id="void")
    void.void(event=factories.event("void"), reason="test", actor=COMMAND, now=NOW)
    log(acme, NOW, name="Tokens ")

    found = preview.preview(definition(clauses=(EU,)))

    assert found.states == {"counted": 2, "excluded": 3, "missing": 1, "text": 1, "other": 1, "inactive": 0, "void": 1}
    assert (found.read_count, found.is_complete, found.oldest_at) == (9, True, NOW - timedelta(days=1))
    assert [(one.missing, one.other_type, one.differs, one.alone) for one in found.clauses] == [(1, 1, 1, 3)]
    assert found.quantity == Decimal("12345678901234567890.10")
    assert [(one.on.day, one.quantity, one.event_count) for one in found.days] == [(14, 0, 0), (15, found.quantity, 2)]
    assert [(one.customer.name, one.quantity) for one in found.customers] == [
        ("Zoo", 12345678901234567890), ("Acme", Decimal("0.1")),
    ]  # fmt: skip
    assert found.near_names == ["Tokens "]
    assert found.zero == ""


@pytest.mark.parametrize(("aggregation", "over_property"), [("count", None), ("sum", "n"), ("max", "n"), ("last", "n")])
def test_a_preview_of_everything_says_what_the_meter_then_says(aggregation: str, over_property: str | None) -> None:
    customers = [factories.customer(), factories.customer()]
    for number in range(12):
        log(customers[number % 2], NOW - timedelta(hours=7 * number), {"n": number % 5, "region": "eu" if number % 3 else "us"})
    found = preview.preview(definition(aggregation, over_property, (EU,)))

    meter = factories.meter(aggregation, over_property, filter={"conjunction": "and", "clauses": [EU]})
    answer = usage.quantities(requests=[UsageRequest(meter.pk, one.pk, Period(ALWAYS, FOREVER)) for one in customers]).quantities

    assert found.quantity == sum(one.quantity or 0 for one in answer.values())
    assert found.states["counted"] == sum(one.event_count for one in answer.values())


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (definition(name="unknown"), "unknown"),
        (definition(clauses=({**EU, "value": "us"},)), "excluded"),
        (definition(over_property="Size"), "missing"),
        (definition(over_property="region"), "text"),
    ],
)
def test_zero_comes_with_its_reason(wanted: Definition, reason: str) -> None:
    log(factories.customer(), NOW, {"region": "eu", "size": 1})

    found = preview.preview(wanted)

    assert found.zero == reason
    assert found.near_keys == ({"Size": "size"} if reason == "missing" else {})


def test_it_reads_so_many_events_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = factories.customer()
    for day in range(5):
        log(acme, NOW - timedelta(days=day))
    monkeypatch.setattr(preview, "ATTEMPTS", ((3, Decimal(1)),))

    found = preview.preview(definition("count", None))

    assert (found.read_count, found.is_complete, found.oldest_at) == (3, False, NOW - timedelta(days=2))
    assert len(found.days) == 3


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    log(factories.customer(), NOW)
    monkeypatch.setattr(preview, "ATTEMPTS", ((10, Decimal("0.001")),))
    monkeypatch.setattr(preview, "template", lambda name: preview.sql.SQL("SELECT pg_sleep(0.2)"))

    with pytest.raises(PreviewTooSlow):
        preview.preview(definition("count", None))


def test_fewer_events_are_read_where_judging_all_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for region in ("eu", 5, "us"):
        log(factories.customer(), NOW, {"region": region})
    log(factories.customer(), NOW - timedelta(days=1))
    monkeypatch.setattr(preview, "MOST_JUDGEMENTS", 3)
    monkeypatch.setattr(preview, "ATTEMPTS", ((4, Decimal(1)), (3, Decimal(1))))

    assert (found := preview.preview(definition("count", None, (EU,)))).read_count == found.limit == 3

    monkeypatch.setattr(preview, "MOST_JUDGEMENTS", 2)
    with pytest.raises(PreviewTooSlow):
        preview.preview(definition("count", None, (EU,)))
