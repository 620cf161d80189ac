"""Say how a meter turns counted events into one quantity: count, sum, max or last. PURE.

AGGREGATIONS is the only place that knows; the roller, the usage queries and verify all read its rows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from core.errors import DomainError
from core.money import exact
from core.text import gettext_noop as _
from events.validation import MAX_KEY
from meters.filters import Metadata, kind_of


class AggregationInvalid(DomainError):
    """The aggregation is unknown, or its over property is missing, superfluous or too long."""

    code = "INVALID_AGGREGATION"


@dataclass(frozen=True)
class Reading:
    """What one counted event contributes. arrival: its order of arrival.  number: the over property; 1 for count."""

    timestamp: datetime
    arrival: int
    number: Decimal


@dataclass(frozen=True)
class Aggregation:
    """One way to aggregate.

    fold: the quantity of any number of readings in any order; None is no value.  tally_sql: the same quantity in SQL from a tally.
    columns: what it reads of a tally besides event_count and latest_at; a rollup row is a tally.  merged_sql: how tallies merge without
    loss.  needs_property: an over property is required, else refused.  label, sentence: in words, the sentence over {key}.
    """

    name: str
    fold: Callable[[Iterable[Reading]], Decimal | None]
    tally_sql: LiteralString
    columns: tuple[str, ...]
    merged_sql: LiteralString
    needs_property: bool
    label: str
    sentence: str


@exact()
def _sum(readings: Iterable[Reading]) -> Decimal:
    return sum((reading.number for reading in readings), start=Decimal(0))


def _max(readings: Iterable[Reading]) -> Decimal | None:
    return max((reading.number for reading in readings), default=None)


def _last(readings: Iterable[Reading]) -> Decimal | None:
    latest = max(readings, key=lambda reading: (reading.timestamp, reading.arrival), default=None)
    return None if latest is None else latest.number


# The latest is not taken by max(ARRAY[...]): making and comparing arrays costs more than sorting.
_LATEST: LiteralString = """
(array_agg(latest_quantity ORDER BY latest_at DESC, latest_arrival DESC) FILTER (WHERE latest_quantity IS NOT NULL))[1] AS latest_quantity
"""
AGGREGATIONS: Mapping[str, Aggregation] = {
    row.name: row
    for row in (
        Aggregation("count", _sum, "event_count::numeric", (), "", False, _("Count"), _("the number of events")),
        Aggregation(
            "sum",
            _sum,
            "COALESCE(quantity_sum, 0)",
            ("quantity_sum",),
            "sum(quantity_sum) AS quantity_sum",
            True,
            _("Sum"),
            _("the sum of {key}"),
        ),
        Aggregation(
            "max",
            _max,
            "quantity_max",
            ("quantity_max",),
            "max(quantity_max) AS quantity_max",
            True,
            _("Maximum"),
            _("the greatest {key}"),
        ),
        Aggregation(
            "last",
            _last,
            "latest_quantity",
            ("latest_quantity", "latest_arrival"),
            _LATEST,
            True,
            _("Last"),
            _("the latest {key}"),
        ),
    )
}


def check(aggregation: object, over_property: object, *, field: str = "aggregation") -> tuple[str, str | None]:
    """Judge the pair as it came in; an empty over property is none. Raises AggregationInvalid."""
    if not isinstance(aggregation, str) or aggregation not in AGGREGATIONS:
        raise AggregationInvalid(f"The aggregation must be one of {', '.join(AGGREGATIONS)}.", field=f"{field}.type")
    key = over_property or None
    needed = AGGREGATIONS[aggregation].needs_property
    if needed and key is None:
        raise AggregationInvalid(f"{aggregation} needs the metadata key that it reads.", field=f"{field}.key")
    if not needed and key is not None:
        raise AggregationInvalid(f"{aggregation} counts events and reads no metadata key.", field=f"{field}.key")
    if key is not None and (not isinstance(key, str) or len(key) > MAX_KEY):
        raise AggregationInvalid(f"The key must be a string of 1 to {MAX_KEY} characters.", field=f"{field}.key")
    return aggregation, key


def number_of(metadata: Metadata, over_property: str | None) -> Decimal | None:
    """Give what an event contributes: 1 for count, else its property; None where that is missing or no number."""
    if over_property is None:
        return Decimal(1)
    found: Any = metadata.get(over_property)
    return Decimal(found) if kind_of(found) == "number" else None
