"""Each blueprint's meter counts its own sample event."""

import pytest

from events.blueprints.catalogue import BLUEPRINTS, BY_SLUG, Blueprint


def test_there_is_one_for_each_common_kind_of_usage():
    assert [blueprint.slug for blueprint in BLUEPRINTS] == [
        "llm_tokens",
        "api_calls",
        "stored_bytes",
        "streamed_bytes",
        "run_time",
    ]
    assert {blueprint.aggregation for blueprint in BLUEPRINTS} == {"count", "sum", "max"}


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=BY_SLUG)
def test_the_property_is_in_the_sample_and_numeric(blueprint: Blueprint):
    if blueprint.aggregation == "count":
        assert blueprint.over_property is None
    else:
        assert type(blueprint.metadata[blueprint.over_property]) is int


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=BY_SLUG)
def test_a_sample_event_has_what_ingest_takes(blueprint: Blueprint):
    event = blueprint.sample_event(event_id="evt_1", customer_id="cus_1", timestamp="2026-09-01T00:00:00Z")

    assert set(event) == {"event_id", "customer_id", "event_name", "timestamp", "metadata"}
    assert event["metadata"] == blueprint.metadata
