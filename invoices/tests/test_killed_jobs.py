"""Jobs over many invoices that are killed before every one of their steps end as those that nobody killed."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from core.faults import striking
from invoices import issuing, verifying
from invoices.models import Invoice, InvoiceStatus
from invoices.run import run_billing
from invoices.tests.story import begin, bill, invoices, use
from invoices.verification_models import Verification
from jobs import run
from jobs.models import Job, JobFileChunk, JobStatus
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """Stands for a kill: nothing catches it, the transaction is lost, the job stays as it was."""


@pytest.fixture
def drafts():
    """February's drafts of four customers, the first of whom has January's open too, held, so that his later one has to wait."""
    calls = making.meter("call")
    product = making.product(per_unit(calls, "100"))
    for number in range(4):
        customer = making.customer(f"C{number}")
        begin(customer, product, "2026-01-01")
        use(customer, "call", "2026-02-10", times=number + 1)
    bill("2026-02-01T00:10")
    Invoice.objects.filter(customer__name="C0").update(is_held=True, hold_reason="asked by phone")
    bill("2026-02-01T02:00")
    run_billing(now=utc("2026-03-01T00:10"), actor=ACTOR)
    return list(Invoice.objects.filter(status=InvoiceStatus.DRAFT, point=2))


def worked(job, *, kills):
    """Work at a job, killed before each of its first `kills` steps is kept; its file, and what it came to."""
    at = timezone.now()
    left = [kills]

    def strike():
        # The first step of a worker's turn is let through, so that the job gets on.
        left[0] -= 1
        if left[0] >= 0 and left[0] % 2 == 0:
            raise Killed

    with striking("jobs: step done", strike):
        for turn in range(kills + 1):
            try:
                ended = run.take_and_work(job_id=job.pk, now=at + turn * (run.STALE_AFTER + timedelta(seconds=1)))
            except Killed:
                Job.objects.filter(pk=job.pk).update(heartbeat_at=at - run.STALE_AFTER)
                continue
            if ended is not None:
                break
    job.refresh_from_db()
    assert job.status == JobStatus.DONE
    file = b"".join(bytes(one.body) for one in JobFileChunk.objects.filter(file__job=job).order_by("id"))
    return job.outcome, file.decode()


def both_ways(begin_one, result):
    """Give what a job comes to when nobody kills it, and when it is killed again and again; each from the same beginning."""
    found = []
    for kills in (0, 9):
        with transaction.atomic():
            job = begin_one()
            outcome, file = worked(job, kills=kills)
            found.append((outcome, file, result(), Job.objects.get(pk=job.pk).claim_number > 1))
            transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("chosen", ["some", "all"])
def test_drafts_are_issued_once_with_the_same_numbers(drafts, chosen):
    def begin_one():
        if chosen == "all":
            return issuing.begin_all(filters={"currency": "USD"}, actor=ACTOR, now=timezone.now())
        return issuing.begin(drafts=drafts, actor=ACTOR, now=timezone.now())

    clean, killed = both_ways(begin_one, invoices)

    assert clean[:3] == killed[:3]
    assert (clean[3], killed[3]) == (False, True)
    assert clean[0] == {"issued": 3, "not_issued": 1}
    assert clean[1].count("EARLIER_DRAFT_OPEN") == 1


def test_invoices_are_verified_once_each(drafts, monkeypatch):
    monkeypatch.setattr(verifying, "STEP", 1)

    def begin_one():
        return verifying.begin(month=None, actor=ACTOR, now=timezone.now())

    def result():
        return list(Verification.objects.order_by("id").values_list("invoice__number", "holds"))

    clean, killed = both_ways(begin_one, result)

    assert clean[:3] == killed[:3]
    assert clean[0] == {"verified": 3, "failed": 0}
    assert len(clean[2]) == 3
    assert killed[3]
