"""Exports over the API: at once up to a limit, as jobs beyond it, with a file that is handed out once it is whole."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from api.tests.test_bulk_voids import work
from invoices import exports
from invoices.tests.story import begin, bill
from products.tests import making
from products.tests.making import per_unit

pytestmark = pytest.mark.django_db


@pytest.fixture
def _billed() -> None:
    """Two customers with an opening and a regular invoice each: six lines."""
    product = making.product(per_unit(making.meter("call")), fee=100)
    for name in ("Acme", "Bolt"):
        begin(making.customer(name, external_id=name.lower()), product, "2026-01-01")
    bill("2026-02-01T01:00")


@pytest.mark.usefixtures("_billed")
def test_a_job_makes_the_file_that_a_get_streams(call: Callable[..., Any]) -> None:
    wanted = {"format": "csv", "rows": "lines", "customer_id": "acme", "status": "issued"}

    job = call("POST", "/invoices/exports", wanted).body
    early = call("GET", f"/invoices/exports/{job['job_id']}/file")
    work(job["job_id"])
    done = call("GET", f"/invoices/exports/{job['job_id']}").body
    file = call("GET", f"/invoices/exports/{job['job_id']}/file")

    at_once = call("GET", "/invoices/export?format=csv&rows=lines&customer_id=acme&status=issued")
    assert (job["status"], job["format"], job["rows"], job["file"]) == ("queued", "csv", "lines", None)
    assert (early.status, early.body["code"]) == (400, "EXPORT_NOT_DONE")
    assert (done["status"], done["done"], done["total"], done["file"]["name"]) == ("done", 2, 2, "invoice-lines.csv")
    assert file.raw == at_once.raw
    assert file.raw.count(b"INV-2026-") == 3
    assert done["file"]["size"] == len(file.raw)


@pytest.mark.usefixtures("_billed")
def test_a_months_pdfs_are_a_job_and_nothing_else_takes_a_month(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoices.pdf.of_invoice", lambda invoice, now: b"printed")

    job = call("POST", "/invoices/exports", {"format": "pdf", "month": "2026-02"}).body
    work(job["job_id"])
    reply = call("GET", f"/invoices/exports/{job['job_id']}/file")

    assert (job["format"], job["rows"], job["month"]) == ("pdf", None, "2026-02")
    assert sorted(zipfile.ZipFile(io.BytesIO(reply.raw)).namelist()) == [f"INV-2026-00000{n}.pdf" for n in (1, 2, 3, 4)]
    assert call("POST", "/invoices/exports", {"format": "pdf", "month": "2026-13"}).body["code"] == "MONTH_UNKNOWN"
    assert call("POST", "/invoices/exports", {"format": "pdf"}).status == 422
    assert call("POST", "/invoices/exports", {"format": "pdf", "month": "2026-02", "status": "paid"}).status == 422
    assert call("POST", "/invoices/exports", {"format": "csv", "month": "2026-02"}).status == 422


@pytest.mark.usefixtures("_billed")
def test_a_long_workbook_is_refused_at_once_and_says_how_it_is_made(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MOST_AT_ONCE", 5)

    refused = call("GET", "/invoices/export?format=xlsx&rows=lines")

    assert (refused.status, refused.body["code"]) == (400, "EXPORT_TOO_LARGE")
    assert "more than 5 rows is made as a job: POST /api/v1/invoices/exports" in refused.body["message"]
    assert call("GET", "/invoices/export?format=xlsx&rows=invoices").status == 200
    assert call("GET", "/invoices/export?format=csv&rows=lines").status == 200
    assert call("GET", "/invoices/export?format=xlsx&rows=lines&customer_id=acme").status == 200


def test_an_export_is_cancelled_and_other_jobs_are_not_found(call: Callable[..., Any]) -> None:
    job = call("POST", "/invoices/exports", {"format": "journal"}).body["job_id"]
    other = call("POST", "/event-voids", {"reason": "r", "event_ids": ["e"]}).body["job"]["job_id"]

    assert call("POST", f"/invoices/exports/{job}/cancel").body["status"] == "cancelled"
    assert call("POST", f"/invoices/exports/{job}/cancel").body["code"] == "JOB_ALREADY_FINISHED"
    assert call("GET", f"/invoices/exports/{other}").body["code"] == "EXPORT_NOT_FOUND"
    assert call("GET", f"/invoices/exports/{job}/file").body["code"] == "EXPORT_NOT_DONE"
