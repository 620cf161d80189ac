"""Issue chosen drafts, each in a transaction of its own, in the order in which credits are drawn, and say what became of each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from core.errors import DomainError
from core.sheets import csv_lines
from invoices import issue
from invoices.inputs import UNBILLABLE
from invoices.models import Invoice
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


def work(run: Run) -> dict[str, Any]:
    """Issue one draft a step, in the order of the parameters; what became of each is a row of the file."""
    ids: Sequence[str] = run.parameters["invoice_ids"]
    if not run.position:
        run.write(FILE, "".join(csv_lines(header=HEADER, rows=())).encode())
        run.advance(position={"done": 0, "issued": 0}, done=0, total=len(ids), unit="invoices")
    for number in range(run.position["done"], len(ids)):
        _issue_step(run, Invoice.objects.get(public_id=ids[number]))
    return {"issued": run.position["issued"], "not_issued": run.done - run.position["issued"]}


@transaction.atomic
def _issue_step(run: Run, draft: Invoice) -> None:
    outcome = issue_one(draft=draft, actor=run.actor, now=timezone.now())
    row = (draft.public_id, outcome.number, outcome.code, outcome.message)
    _header, line = csv_lines(header=HEADER, rows=[row])
    run.write(FILE, line.encode())
    position = {"done": run.position["done"] + 1, "issued": run.position["issued"] + bool(outcome.number)}
    run.advance(position=position, done=run.done + 1, total=run.total, unit="invoices")
