"""Hold what a meter counts and when, whole, so that an invoice line can store it and anyone can count again. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.periods import FOREVER, Period
from meters import filters
from meters.aggregation import AGGREGATIONS, number_of
from meters.filters import FilterTree, Metadata

# The start of a meter's first interval: it counts events from before it was made, too.
ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Definition:
    """A meter as it counts.

    active: the half-open intervals of event timestamps that count, ascending and apart; from ALWAYS and until FOREVER where open.
    over_property: the metadata key that sum, max and last read; None for count.
    """

    event_name: str
    aggregation: str
    over_property: str | None
    filter: FilterTree
    active: tuple[Period, ...]

    def counts(self, *, event_name: str, timestamp: datetime, metadata: Metadata) -> Decimal | None:
        """Give what an event adds (1 for count, else its number); None where the meter does not count it."""
        if event_name != self.event_name or not any(interval.contains(timestamp) for interval in self.active):
            return None
        return number_of(metadata, self.over_property) if filters.matches(self.filter, metadata) else None

    def to_json(self) -> dict[str, Any]:
        """Write the definition as JSON values, without what there is none of; fractions stay Decimals, open ends are null."""
        written = {
            "event_name": self.event_name,
            "aggregation": self.aggregation,
            "over_property": self.over_property,
            "filter": filters.to_json(self.filter),
            "active": [[_written(interval.start), _written(interval.end)] for interval in self.active],
        }
        return {name: what for name, what in written.items() if what is not None}

    @classmethod
    def from_json(cls, source: Mapping[str, Any]) -> "Definition":
        """Read what to_json wrote, decoded with Decimal for fractions. Raises KeyError, ValueError, FilterInvalid."""
        if source["aggregation"] not in AGGREGATIONS:
            raise ValueError(f"unknown aggregation {source['aggregation']!r}")
        return cls(
            event_name=source["event_name"],
            aggregation=source["aggregation"],
            over_property=source.get("over_property"),
            filter=filters.parse(source.get("filter")),
            active=tuple(Period(_read(start, ALWAYS), _read(end, FOREVER)) for start, end in source["active"]),
        )


def _written(instant: datetime) -> str | None:
    return None if instant in (ALWAYS, FOREVER) else instant.isoformat()


def _read(text: str | None, missing: datetime) -> datetime:
    return missing if text is None else datetime.fromisoformat(text)
