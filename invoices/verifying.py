"""Verify the invoices of a month, or all, as a job that keeps each result, and lists in a file what does not hold.

# Note [What does not hold]
Results are kept, never changed: an invoice holds or not by its latest one. So a failing result counts until a later one holds.
"""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from access.actors import Actor
from core.deployment import billing_zone
from core.periods import Interval, add_interval
from core.sheets import csv_lines
from invoices import verify
from invoices.findings import Finding
from invoices.models import Invoice, InvoiceStatus
from invoices.verification_models import Verification
from jobs import start
from jobs.models import Job
from jobs.run import Run
from products.zones import midnight_of

KIND = "verify_invoices"
FILE = "findings.csv"
HEADER = ("invoice_id", "number", "line_id", "figure", "stored", "recomputed")
STEP = 20


def begin(*, month: date | None, actor: Actor, now: datetime) -> Job:
    """Start the job over what was issued in a month of the billing zone, given by its first day; over all without."""
    return start.start(kind=KIND, parameters={"month": month.isoformat() if month else None}, actor=actor, now=now)


def work(run: Run) -> dict[str, Any]:
    """Verify some at a time, in order of their ids, up to the newest one there was at the first step."""
    rows = _asked(run.parameters["month"])
    if not run.position:
        newest = rows.order_by("-id").values_list("id", flat=True).first() or 0
        run.write(FILE, "".join(csv_lines(header=HEADER, rows=())).encode())
        run.advance(position={"after": 0, "upto": newest, "failed": 0}, done=0, total=rows.count(), unit="invoices")
    rows = rows.filter(id__lte=run.position["upto"]).order_by("id")
    while step := list(rows.filter(id__gt=run.position["after"])[:STEP]):
        _verify_step(run, step)
    return {"verified": run.done, "failed": run.position["failed"]}


def standing() -> QuerySet[Verification]:
    """Give the results by which an invoice does not hold now. See Note [What does not hold]."""
    later = Verification.objects.filter(invoice=OuterRef("invoice"), id__gt=OuterRef("id"))
    return Verification.objects.filter(~Exists(later), holds=False)


def _verify_step(run: Run, step: list[Invoice]) -> None:
    now = timezone.now()
    with transaction.atomic():
        proofs = [verify.verify(invoice) for invoice in step]
        for proof in proofs:
            verify.record(proof, now=now)
        failed = run.position["failed"] + sum(not proof.holds for proof in proofs)
        rows = [_row(proof.invoice, finding) for proof in proofs for finding in proof.findings]
        _header, *lines = csv_lines(header=HEADER, rows=rows)
        run.write(FILE, "".join(lines).encode())
        position = {**run.position, "after": step[-1].pk, "failed": failed}
        run.advance(position=position, done=run.done + len(step), total=run.total, unit="invoices")


def _asked(month: str | None) -> QuerySet[Invoice]:
    rows = Invoice.objects.exclude(status=InvoiceStatus.DRAFT)
    return rows.filter(issued_in(date.fromisoformat(month))) if month else rows


def issued_in(month: date) -> Q:
    """Match what was issued in a month of the billing zone of then, given by its first day."""
    following = add_interval(month, Interval("Month", 1), 1)
    start, end = (midnight_of(day, billing_zone()) for day in (month, following))
    return Q(issued_at__gte=start, issued_at__lt=end)


def _row(invoice: Invoice, finding: Finding) -> tuple[str | None, ...]:
    return (invoice.public_id, invoice.number, finding.line_id, finding.figure, finding.stored, finding.recomputed)
