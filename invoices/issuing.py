"""Issue chosen drafts, each in a transaction of its own, in the order in which credits are drawn, and say what became of each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from access.actors import Actor
from core.errors import DomainError
from core.sheets import csv_lines
from invoices import issue
from invoices.listing import DraftFilter, acted_on
from invoices.models import Invoice, InvoiceStatus
from invoices.planning import UNBILLABLE
from jobs import start
from jobs.models import Job
from jobs.run import Run

KIND = "issue_invoices"
FILE = "outcomes.csv"
HEADER = ("invoice_id", "number", "code", "message")
AT_ONCE = 20
"""How many drafts a page issues while its reader waits; more are a job."""


@dataclass(frozen=True)
class Outcome:
    """What became of one draft: its number, or a code and a sentence that says why it has none."""

    draft: Invoice
    number: str = ""
    code: str = ""
    message: str = ""


def issue_one(*, draft: Invoice, actor: Actor, now: datetime) -> Outcome:
    """Issue one draft by hand; what speaks against it is the outcome, and leaves nothing behind."""
    try:
        with transaction.atomic():
            issued = issue.issue_by_hand(draft=draft, actor=actor, now=now)
    except DomainError as refused:
        return Outcome(draft, code=refused.code, message=refused.message)
    except UNBILLABLE as problem:
        return Outcome(draft, code="DRAFT_NOT_COMPUTABLE", message=f"{type(problem).__name__}: {problem}")
    return Outcome(draft, number=issued.number or "")


def issue_each(*, drafts: Collection[Invoice], actor: Actor, now: datetime) -> list[Outcome]:
    """Issue drafts one after the other, in the order that credits demand, so that none waits for another of them."""
    return [issue_one(draft=draft, actor=actor, now=now) for draft in in_order(drafts)]


def in_order(drafts: Collection[Invoice]) -> list[Invoice]:
    """Give drafts in the order in which they are issued."""
    return sorted(drafts, key=lambda draft: (draft.point_at, draft.subscription_id, draft.revision, draft.pk))


@transaction.atomic
def begin(*, drafts: Collection[Invoice], actor: Actor, now: datetime) -> Job:
    """Start the job that issues drafts."""
    ids = [draft.public_id for draft in in_order(drafts)]
    return start.start(kind=KIND, parameters={"invoice_ids": ids}, actor=actor, now=now)


@transaction.atomic
def begin_all(*, filters: Mapping[str, str], actor: Actor, now: datetime) -> Job:
    """Start the job that issues every draft that filters of a list find, up to the newest one that there is now.

    What is held back was held for a reason: it is issued only when it is chosen by itself. Raises FilterRefused.
    """
    acted_on(filters, Invoice.objects.none(), by=DraftFilter)
    kept = {name: text for name, text in filters.items() if name in DraftFilter.base_filters and text}
    newest = Invoice.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return start.start(kind=KIND, parameters={"filters": kept, "upto": newest}, actor=actor, now=now)


def work(run: Run) -> dict[str, Any]:
    """Issue one draft a step, in the order of issue; what became of each is a row of the file."""
    if not run.position:
        run.write(FILE, "".join(csv_lines(header=HEADER, rows=())).encode())
        total = len(run.parameters["invoice_ids"]) if "invoice_ids" in run.parameters else _found(run).count()
        run.advance(position={"done": 0, "issued": 0}, done=0, total=total, unit="invoices")
    while (draft := _following(run)) is not None:
        _issue_step(run, draft)
    return {"issued": run.position["issued"], "not_issued": run.done - run.position["issued"]}


def _following(run: Run) -> Invoice | None:
    """Give the draft after those that are done, None at the end. What is found by filters is passed by once, issued or not."""
    if "invoice_ids" in run.parameters:
        ids: Sequence[str] = run.parameters["invoice_ids"]
        return Invoice.objects.get(public_id=ids[run.position["done"]]) if run.position["done"] < len(ids) else None
    rows = _found(run)
    if "after" in run.position:
        at, subscription, number = run.position["after"]
        later = Q(point_at=at, subscription=subscription, id__gt=number) | Q(point_at=at, subscription__gt=subscription)
        rows = rows.filter(later | Q(point_at__gt=at))
    return rows.order_by("point_at", "subscription", "id").first()


def _found(run: Run) -> QuerySet[Invoice]:
    rows = Invoice.objects.filter(status=InvoiceStatus.DRAFT, is_held=False, id__lte=run.parameters["upto"])
    return acted_on(run.parameters["filters"], rows, by=DraftFilter)


@transaction.atomic
def _issue_step(run: Run, draft: Invoice) -> None:
    outcome = issue_one(draft=draft, actor=run.actor, now=timezone.now())
    row = (draft.public_id, outcome.number, outcome.code, outcome.message)
    _header, line = csv_lines(header=HEADER, rows=[row])
    run.write(FILE, line.encode())
    position = {
        "done": run.position["done"] + 1,
        "issued": run.position["issued"] + bool(outcome.number),
        "after": [draft.point_at.isoformat(), draft.subscription_id, draft.pk],
    }
    run.advance(position=position, done=run.done + 1, total=run.total, unit="invoices")
