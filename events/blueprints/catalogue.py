"""Suggest, for the five common kinds of usage, what to send and how to meter it. PURE.

One row of BLUEPRINTS gives a sample event and the meter that counts it; the demonstration data and whoever helps a person to make a
meter read the same rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.text import gettext_noop as _


@dataclass(frozen=True)
class Blueprint:
    """One kind of usage: an event worth sending and the meter that makes a quantity of it.

    metadata: a sample event's, which the meter counts.  over_property: the metadata key that sum, max and last read, None for count.
    measurement_unit: of one unit of the quantity.  filter: as the wire contract has it, or None.  display_per: prices are easier to
    read per so many units.
    """

    slug: str
    title: str
    description: str
    event_name: str
    metadata: Mapping[str, Any]
    aggregation: str
    over_property: str | None
    measurement_unit: str
    filter: Mapping[str, Any] | None
    display_per: int

    def sample_event(self, *, event_id: str, customer_id: str, timestamp: str) -> dict[str, Any]:
        """Write one event as the ingest endpoint takes it. timestamp: RFC 3339."""
        return {
            "event_id": event_id,
            "customer_id": customer_id,
            "event_name": self.event_name,
            "timestamp": timestamp,
            "metadata": dict(self.metadata),
        }


def _where(key: str, operator: str, expected: str | int | bool) -> dict[str, Any]:
    return {"key": key, "operator": operator, "value": expected}


def _all(*clauses: Mapping[str, Any]) -> dict[str, Any]:
    return {"conjunction": "and", "clauses": list(clauses)}


def _any(*clauses: Mapping[str, Any]) -> dict[str, Any]:
    return {"conjunction": "or", "clauses": list(clauses)}


BLUEPRINTS: tuple[Blueprint, ...] = (
    Blueprint(
        slug="llm_tokens",
        title=_("LLM tokens"),
        description=_("Tokens read and written by a language model; answers from the cache are not counted."),
        event_name="llm.completion",
        metadata={
            "model": "large",
            "prompt_tokens": 1840,
            "completion_tokens": 310,
            "total_tokens": 2150,
            "cached": False,
        },
        aggregation="sum",
        over_property="total_tokens",
        measurement_unit="tokens",
        filter=_all(_where("cached", "equals", False)),
        display_per=1_000_000,
    ),
    Blueprint(
        slug="api_calls",
        title=_("API calls"),
        description=_("Requests that were answered; those that failed on the server's side are not counted."),
        event_name="api.request",
        metadata={"method": "POST", "route": "/v1/documents/parse", "status_code": 200, "region": "eu-west"},
        aggregation="count",
        over_property=None,
        measurement_unit="requests",
        filter=_all(_where("status_code", "less_than", 500)),
        display_per=1_000,
    ),
    Blueprint(
        slug="stored_bytes",
        title=_("Stored bytes"),
        description=_("The most that was stored at any time in the cycle; send the size now and then."),
        event_name="storage.measured",
        metadata={"bucket": "primary", "bytes": 52_428_800_000, "objects": 18_204},
        aggregation="max",
        over_property="bytes",
        measurement_unit="bytes",
        filter=None,
        display_per=1_000_000_000,
    ),
    Blueprint(
        slug="streamed_bytes",
        title=_("Streamed bytes"),
        description=_("Bytes delivered to viewers."),
        event_name="stream.delivered",
        metadata={"quality": "1080p", "bytes": 734_003_200, "edge": "fra"},
        aggregation="sum",
        over_property="bytes",
        measurement_unit="bytes",
        filter=None,
        display_per=1_000_000_000,
    ),
    Blueprint(
        slug="run_time",
        title=_("Run time"),
        description=_("Seconds that a job ran on a graphics processor and was not cut short by the platform."),
        event_name="job.finished",
        metadata={"hardware": "gpu-large", "seconds": 412, "outcome": "succeeded"},
        aggregation="sum",
        over_property="seconds",
        measurement_unit="seconds",
        filter=_all(
            _any(_where("hardware", "equals", "gpu-small"), _where("hardware", "equals", "gpu-large")),
            _where("outcome", "not_equals", "preempted"),
        ),
        display_per=3_600,
    ),
)
BY_SLUG: Mapping[str, Blueprint] = {blueprint.slug: blueprint for blueprint in BLUEPRINTS}
