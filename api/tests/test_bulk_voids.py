"""Voiding many events over the API: previewed, done by a job, cancelled, taken back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from events.models import EventVoid
from invoices.tests.story import begin, bill
from jobs import run
from jobs.models import Job
from meters.models import Meter
from products.tests import making
from products.tests.making import per_unit, utc
from tests import factories

LARGE = {"conjunction": "and", "clauses": [{"key": "size", "operator": "greater_than", "value": 1.5}]}
AT = utc("2026-01-05")


def work(job_id: str) -> None:
    run.take_and_work(job_id=Job.objects.get(public_id=job_id).pk, now=AT)


@pytest.mark.django_db(transaction=True)
def test_a_selection_is_previewed_voided_and_taken_back(call: Callable[..., Any]) -> None:
    acme, sizes = making.customer(external_id="acme"), making.meter("call", "sum", "size")
    begin(acme, making.product(per_unit(sizes)), "2026-01-01")
    for size in ("1", "2", "3.25"):
        factories.log(acme, AT, {"size": Decimal(size)}, name="call", event_id=f"e{size}")
    bill("2026-02-01T02:00")
    wanted = {"reason": "test data", "meter_id": sizes.public_id, "customer_id": "acme", "filter": LARGE}

    seen = call("POST", "/event-voids", {**wanted, "preview": True}).body["preview"]
    untouched = EventVoid.objects.count()
    job = call("POST", "/event-voids", wanted).body["job"]
    early = call("DELETE", f"/event-voids/{job['job_id']}")
    work(job["job_id"])
    done = call("GET", f"/event-voids/{job['job_id']}").body
    voided = EventVoid.objects.filter(job=job["job_id"]).count()
    back = call("DELETE", f"/event-voids/{job['job_id']}?reason=wrong+customer").body
    work(back["job_id"])

    assert (seen["event_count"], seen["is_complete"], seen["draft_count"], seen["line_count"]) == (2, True, 0, 1)
    assert [(one["meter_id"], one["before"], one["after"]) for one in seen["changes"]] == [(sizes.public_id, "6.25", "1")]
    assert [(one["invoice_number"], one["customer_id"]) for one in seen["lines"]] == [("INV-2026-000001", acme.public_id)]
    assert (untouched, early.body["code"]) == (0, "VOID_JOB_RUNNING")
    assert (done["status"], done["outcome"], voided) == ("done", {"voided": 2, "void_before": 0}, 2)
    assert call("GET", f"/event-voids/{back['job_id']}").body["outcome"] == {"counted_again": 2, "taken_back_before": 0}


def test_a_preview_names_the_meters_that_cannot_be_read(call: Callable[..., Any]) -> None:
    acme, broken = making.customer(), making.meter("call", "sum", "size")
    Meter.objects.filter(pk=broken.pk).update(filter={"conjunction": "xor", "clauses": []})
    factories.log(acme, AT, {"size": 1}, name="call")

    seen = call("POST", "/event-voids", {"reason": "r", "event_name": "call", "preview": True}).body["preview"]

    assert (seen["event_count"], seen["changes"], seen["unreadable_meter_ids"]) == (1, [], [broken.public_id])


def test_a_job_is_cancelled_and_what_names_no_events_is_refused(call: Callable[..., Any]) -> None:
    job = call("POST", "/event-voids", {"reason": "r", "event_ids": ["e"]}).body["job"]["job_id"]

    assert call("POST", f"/event-voids/{job}/cancel").body["status"] == "cancelled"
    assert call("POST", f"/event-voids/{job}/cancel").body["code"] == "JOB_ALREADY_FINISHED"
    assert call("GET", "/event-voids/job_x").body["code"] == "VOID_JOB_NOT_FOUND"
    assert call("POST", "/event-voids", {"reason": "r"}).body["code"] == "INVALID_EVENT_SELECTION"
    assert call("POST", "/event-voids", {"reason": "r", "event_name": "a", "filter": {"conjunction": "x"}}).status == 400
    assert call("POST", "/event-voids", {"event_name": "a"}).status == 422


@pytest.mark.parametrize(
    ("empty", "code"),
    [({"customer_id": ""}, "CUSTOMER_NOT_FOUND"), ({"meter_id": ""}, "METER_NOT_FOUND"), ({"filter": {}}, "INVALID_FILTER")],
)
def test_what_was_not_filled_in_voids_nothing(call: Callable[..., Any], empty: dict[str, Any], code: str) -> None:
    asked = {"reason": "r", "event_name": "a", **empty}

    assert call("POST", "/event-voids", asked).body["code"] == code
    assert Job.objects.count() == 0
