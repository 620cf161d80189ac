"""Why a meter shows nothing, over the API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from products.tests import making
from tests import factories

FILTER = {"conjunction": "and", "clauses": [{"key": "region", "operator": "equals", "value": "eu"}]}


def test_the_likely_causes_come_with_counts_clause_and_samples(call: Callable[..., Any]) -> None:
    acme = making.customer(external_id="acme")
    meter = factories.meter("sum", "size", filter=FILTER)
    at = timezone.now() - timedelta(hours=1)
    factories.log(acme, at, {"region": "us"}, event_id="e")

    found = call("GET", f"/meters/{meter.public_id}/explain?customer_id=acme&start=2026-01-01T00:00:00Z").body

    assert (found["quantity"], found["event_count"], found["read_count"], found["is_complete"]) == ("0", 0, 1, True)
    assert (found["start"], found["end"], found["customer_id"]) == ("2026-01-01T00:00:00Z", None, acme.public_id)
    filtered, unsubscribed = found["causes"]
    assert (filtered["kind"], filtered["count"], filtered["path"], filtered["clause"], filtered["sample_event_ids"]) == (
        "filter", 1, "filter.clauses[0]", FILTER["clauses"][0], ["e"],
    )  # fmt: skip
    assert (unsubscribed["kind"], unsubscribed["count"]) == ("not_subscribed", 0)


def test_refuses_what_names_no_time_or_nobody(call: Callable[..., Any]) -> None:
    meter = factories.meter()
    address = f"/meters/{meter.public_id}/explain"

    assert call("GET", f"{address}?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z").body["field"] == "end"
    assert call("GET", f"{address}?customer_id=x").body["code"] == "CUSTOMER_NOT_FOUND"
    assert call("GET", f"{address}?customer_id=").status == 422
    assert call("GET", "/meters/x/explain").body["code"] == "METER_NOT_FOUND"
    assert [one["kind"] for one in call("GET", address).body["causes"]] == ["name_never_received"]
