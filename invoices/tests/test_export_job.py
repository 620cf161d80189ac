"""Exports and printing as jobs: whole files, whatever stopped them on the way."""

import io
import zipfile

import pytest

from access.actors import COMMAND
from invoices import export_job, exports, pdf
from invoices.models import Invoice
from invoices.tests.story import begin, bill
from jobs import files
from jobs import run as jobs_run
from jobs.models import Job, JobStatus
from products.tests import making
from products.tests.making import per_unit, utc

NOW = utc("2026-03-05")


@pytest.fixture
def _billed(db):
    calls = making.meter("call")
    product = making.product(per_unit(calls), fee=100)
    for name in ("Acme", "Bolt", "=Cmd"):
        begin(making.customer(name), product, "2026-01-01")
    bill("2026-02-01T01:00")


def work(job):
    assert jobs_run.take_and_work(job_id=job.pk, now=NOW) == JobStatus.DONE
    (file,) = Job.objects.get(pk=job.pk).files.all()
    return file.name, b"".join(files.stream(file))


@pytest.mark.usefixtures("_billed")
@pytest.mark.parametrize("form", ["csv", "journal"])
def test_an_export_in_steps_is_the_one_that_is_streamed(monkeypatch, form):
    monkeypatch.setattr(export_job, "STEP", 2)
    job = export_job.begin_export(form=form, rows="lines", filters={"kind": "opening"}, actor=COMMAND, now=NOW)

    name, written = work(job)

    streamed = exports.file(form, Invoice.objects.filter(kind="opening"), "lines", made_at=NOW)
    assert name == streamed.name
    assert written == b"".join(one if isinstance(one, bytes) else one.encode() for one in streamed.body)


@pytest.mark.usefixtures("_billed")
def test_a_workbook_appears_whole():
    job = export_job.begin_export(form="xlsx", rows="invoices", filters={}, actor=COMMAND, now=NOW)

    name, written = work(job)

    assert name == "invoices.xlsx"
    assert zipfile.ZipFile(io.BytesIO(written)).testzip() is None
    assert Job.objects.get(pk=job.pk).outcome == {"rows": 6}


@pytest.mark.usefixtures("_billed")
def test_a_months_pdfs_go_on_after_a_stop_and_make_one_whole_archive(monkeypatch):
    monkeypatch.setattr(export_job, "PRINTED_STEP", 2)
    monkeypatch.setattr(pdf, "of_invoice", lambda invoice, now: f"printed {invoice}".encode() * 10)
    job = export_job.begin_print(month="2026-02", actor=COMMAND, now=NOW)
    jobs_run.stopping.set()
    assert jobs_run.take_and_work(job_id=job.pk, now=NOW) == JobStatus.QUEUED
    jobs_run.stopping.clear()

    name, written = work(job)

    archive = zipfile.ZipFile(io.BytesIO(written))
    numbers = list(Invoice.objects.filter(issued_at__gte=utc("2026-02-01")).order_by("pk").values_list("number", flat=True))
    assert name == "invoices-2026-02.zip"
    assert archive.testzip() is None
    assert {entry: archive.read(entry).decode() for entry in archive.namelist()} == {
        f"{number}.pdf": f"printed {number}" * 10 for number in numbers
    }
    assert len(numbers) == 6
    assert Job.objects.get(pk=job.pk).position == {}, "its directory is read with every list of jobs"


def test_what_is_no_month_is_refused():
    with pytest.raises(export_job.MonthUnknown, match="'2026-13' is no month; one is written as 2026-01"):
        export_job.begin_print(month="2026-13", actor=COMMAND, now=NOW)
