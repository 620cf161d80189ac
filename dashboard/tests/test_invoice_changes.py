"""What finance does to an invoice from its page: writes on a draft, issues it, marks it as paid and back, verifies it."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard.reading import home
from dashboard.tests import world
from invoices.models import Invoice, InvoiceEvent
from invoices.run import run_billing
from invoices.tests.story import begin, use
from invoices.tests.test_verify import tamper
from invoices.verification_models import Verification
from jobs import run
from jobs.models import Job, JobFile
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def finance():
    return world.signed_in("finance")


@pytest.fixture
def draft():
    """January's draft of a customer with 5 calls at 1.00."""
    calls, acme = making.meter("call"), making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-20", times=5)
    run_billing(now=utc("2026-02-01T00:10"), actor=ACTOR)
    return Invoice.objects.get()


def post(client, name, invoice, **fields):
    response = client.post(reverse(f"dashboard:{name}", args=[invoice.public_id]), fields, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_draft_is_written_on_issued_paid_and_back(finance, draft):
    written = post(finance, "invoice_remarks", draft, memo="Many thanks", purchase_order="PO 7")
    rewritten = post(finance, "invoice_remarks", draft, memo="Thank you", purchase_order="PO 7")
    issued = post(finance, "invoice_issue", draft)
    late = post(finance, "invoice_remarks", draft, memo="Too late")
    paid = post(finance, "invoice_pay", draft, reason="Bank 4711")
    without_reason = post(finance, "invoice_unpay", draft)
    back = post(finance, "invoice_unpay", draft, reason="Charged back")

    assert "to “Many thanks”" in written
    assert "from “Many thanks” to “Thank you”" in re.sub(r"\s+", " ", rewritten)
    assert rewritten.count("to “PO 7”") == 1
    assert "one-finance" in rewritten
    assert "Issued as INV-2026-000001." in issued
    assert "what stands on it is frozen" in late
    assert "Bank 4711" in paid
    assert "Mark as unpaid" in without_reason
    assert "This field is required" in without_reason
    assert "Mark as paid" in back
    assert list(InvoiceEvent.objects.filter(invoice=draft).order_by("id").values_list("to_status", "reason", "actor_kind"))[
        1:
    ] == [
        ("issued", "", "user"),
        ("paid", "Bank 4711", "user"),
        ("issued", "Charged back", "user"),
    ]


def test_a_verification_shows_both_answers_and_is_kept(finance, draft):
    post(finance, "invoice_issue", draft)
    use(draft.customer, "call", "2026-01-21")
    holds = post(finance, "invoice_verify", draft)
    tamper("UPDATE invoices_invoiceline SET amount = amount + 1 WHERE kind = 'usage'")
    fails = post(finance, "invoice_verify", draft)
    listed = finance.get(reverse("dashboard:verifications") + "?state=failing").content.decode()
    concerns = [one.text for one in home.concerns(now=timezone.now())]

    assert "Every stored figure is what the raw events make it." in holds
    assert "not yet: the next invoice does" in holds
    assert '<td class="num">501</td><td class="num">500</td>' in fails
    assert "INV-2026-000001" in listed
    assert "1 invoice does not hold" in concerns
    assert [one.holds for one in Verification.objects.order_by("id")] == [True, False]


def test_a_month_is_verified_as_a_job_and_a_later_result_stands(finance, draft):
    post(finance, "invoice_issue", draft)
    today = timezone.now().date()
    tamper("UPDATE invoices_invoiceline SET amount = amount + 1 WHERE kind = 'usage'")

    for month in (today.replace(day=1).isoformat(), ""):
        finance.post(reverse("dashboard:verifications_begin"), {"month": month})
        job = Job.objects.latest("id")
        run.take_and_work(job_id=job.pk, now=timezone.now())
        tamper("UPDATE invoices_invoiceline SET amount = 500 WHERE kind = 'usage'")

    first, second = Job.objects.order_by("id")
    assert (first.outcome, second.outcome) == ({"verified": 1, "failed": 1}, {"verified": 1, "failed": 0})
    assert b"amount,501,500" in b"".join(bytes(one.body) for one in JobFile.objects.get(job=first).chunks.all())
    listed = finance.get(reverse("dashboard:verifications") + "?state=failing").content.decode()
    assert "No result matches" in listed
    assert "Do not hold" in finance.get(reverse("dashboard:job", args=[first.public_id])).content.decode()
