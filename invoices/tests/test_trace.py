"""An event is joined with the lines that carry it, as their snapshots saw it."""

from decimal import Decimal

import pytest

from invoices.tests.story import begin, bill
from invoices.trace import Trace, trace
from meters import explain, void
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)  # snapshots tell transactions apart

SMALL = {"conjunction": "and", "clauses": [{"key": "size", "operator": "less_than", "value": Decimal("0.5")}]}


def traced(event_id: str) -> Trace:
    return trace(explain.explain(event_id))


def standings(event_id: str) -> list[tuple[str | None, str, Decimal]]:
    return [(one.line.invoice.number, one.standing, one.quantity) for one in traced(event_id).lines]


def test_a_line_says_whether_it_counted_the_event_then() -> None:
    acme, calls = making.customer(), making.meter("call", "sum", "size", filter=SMALL)
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    at = utc("2026-01-05")
    for event_id in ("on time", "void later", "void before", "excluded"):
        metadata = {"size": Decimal("0.9" if event_id == "excluded" else "0.25")}
        factories.log(acme, at, metadata, name="call", event_id=event_id)
    act = {"reason": "r", "actor": ACTOR, "now": at}
    void.void(event=factories.event("void before"), **act)
    before = traced("on time").unbilled
    bill("2026-02-01T02:00")
    void.void(event=factories.event("void later"), **act)
    factories.log(acme, at, {"size": Decimal("0.125")}, name="call", event_id="late")

    assert [(one.meter, one.subscription.customer) for one in before if one.subscription] == [(calls, acme)]
    assert {event_id: standings(event_id) for event_id in ("on time", "void later", "void before", "late", "excluded")} == {
        "on time": [("INV-2026-000001", "counted", Decimal("0.25"))],
        "void later": [("INV-2026-000001", "counted_voided_since", Decimal("0.25"))],
        "void before": [("INV-2026-000001", "void_then", Decimal("0.25"))],
        "late": [("INV-2026-000001", "arrived_after", Decimal("0.125"))],
        "excluded": [],
    }


def test_usage_without_a_subscription_is_on_no_invoice() -> None:
    acme, calls = making.customer(), making.meter("call")
    factories.log(acme, utc("2026-01-05"), name="call", event_id="e")

    assert [(one.meter, one.subscription) for one in traced("e").unbilled] == [(calls, None)]


def test_a_late_event_is_carried_by_the_line_that_adjusts() -> None:
    acme, calls = making.customer(), making.meter("call")
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    bill("2026-02-01T02:00")
    factories.log(acme, utc("2026-01-05"), name="call", event_id="late")
    bill("2026-03-01T02:00")

    assert [(one.line.kind, one.standing) for one in traced("late").lines] == [
        ("usage", "arrived_after"),
        ("adjustment", "counted"),
    ]
    assert traced("late").unbilled == []
