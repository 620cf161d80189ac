"""What count, sum, max and last make of events."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meters.aggregation import AGGREGATIONS, AggregationInvalid, Reading, check, number_of

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def reading(number: str, *, minutes: int = 0, arrival: int = 1) -> Reading:
    return Reading(NOON + timedelta(minutes=minutes), arrival, Decimal(number))


@pytest.mark.parametrize(
    ("aggregation", "numbers", "quantity"),
    [
        ("count", [], "0"),
        ("count", ["1", "1"], "2"),
        ("sum", [], "0"),
        ("sum", ["0.1", "0.2"], "0.3"),
        ("sum", ["999999999999999999999999999999", "0.000000000000000001"], "999999999999999999999999999999.000000000000000001"),
        ("max", ["-3", "-2.5"], "-2.5"),
        ("last", ["5", "3"], "5"),
    ],
)
def test_a_quantity_is_exact(aggregation: str, numbers: list[str], quantity: str) -> None:
    assert AGGREGATIONS[aggregation].fold([reading(number, arrival=-index) for index, number in enumerate(numbers)]) == Decimal(
        quantity
    )


@pytest.mark.parametrize("aggregation", ["max", "last"])
def test_max_and_last_of_nothing_is_no_value(aggregation: str) -> None:
    assert AGGREGATIONS[aggregation].fold([]) is None


def test_last_is_by_timestamp_then_by_arrival() -> None:
    readings = [reading("1", minutes=1, arrival=2), reading("2", minutes=1, arrival=3), reading("3", minutes=0, arrival=9)]

    assert AGGREGATIONS["last"].fold(readings) == 2


def test_last_may_be_zero() -> None:
    assert AGGREGATIONS["last"].fold([reading("0")]) == 0


@pytest.mark.parametrize(
    ("metadata", "number"),
    [({"k": 1}, Decimal(1)), ({"k": Decimal("0.1")}, Decimal("0.1")), ({"k": "1"}, None), ({"k": True}, None), ({}, None)],
)
def test_only_a_number_is_read(metadata: dict[str, Any], number: Decimal | None) -> None:
    assert number_of(metadata, "k") == number


def test_count_needs_no_property() -> None:
    assert number_of({}, None) == 1


@pytest.mark.parametrize(
    ("aggregation", "key", "field"),
    [
        ("median", None, "aggregation.type"),
        (None, None, "aggregation.type"),
        ("sum", None, "aggregation.key"),
        ("sum", "", "aggregation.key"),
        ("count", "tokens", "aggregation.key"),
        ("max", "k" * 101, "aggregation.key"),
        ("max", 5, "aggregation.key"),
    ],
)
def test_a_wrong_pair_is_refused(aggregation: Any, key: Any, field: str) -> None:
    with pytest.raises(AggregationInvalid) as refused:
        check(aggregation, key)

    assert refused.value.field == field
