"""Say what voiding an invoice would do: it is done, looked at and undone, so that a preview cannot differ from the void."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import LockNotAvailable

from access.actors import Actor
from core.errors import DomainError
from core.money import exact
from credits.models import CreditEntry, CreditGrant, EntryKind, GrantPeriod
from invoices import preview, sheets, void
from invoices.inputs import KINDS_OF_POINTS
from invoices.late_models import LateState, LateUsage
from invoices.models import Invoice, InvoiceStatus
from invoices.preview import Preview
from invoices.sheets import Sheet

Read = TypeVar("Read")
WAITS_SECONDS = 3
"""So long a preview waits for a billing run that is at work; a void itself waits as long as it must."""


class InvoicesBeingIssued(DomainError):
    """A billing run holds what a void would change; it can be asked again when the run is done."""

    code = "INVOICES_BEING_ISSUED"


@dataclass(frozen=True)
class CreditMoved:
    """What one period of a grant would gain, in the grant's unit or minor units.

    expires: what of it would expire at once, because the period is closed.  taken: what would be taken out of it.
    """

    grant: CreditGrant
    period: GrantPeriod
    back: Decimal
    expires: Decimal
    taken: Decimal


@dataclass(frozen=True)
class Foreseen:
    """What a void with one outcome would do.

    note: the credit note's document.  credit: by period.  late: charges that would be looked at again.  draft: the document that would be
    issued in the invoice's place, from today's data; None where there would be none, or its figures cannot be made: `problem`.
    """

    note: Sheet
    credit: Sequence[CreditMoved]
    late: Sequence[LateUsage]
    draft: Sheet | None
    problem: str


@dataclass(frozen=True)
class Done:
    """What a void has done, before it is undone. draft: what would be issued in the invoice's place.  computed: its figures."""

    note: Invoice
    credit: Sequence[CreditMoved]
    late: Sequence[LateUsage]
    draft: Invoice | None
    computed: Preview | None
    problem: str


def foresee(*, invoice: Invoice, then: str, actor: Actor, now: datetime) -> Foreseen:
    """Say what voiding an invoice would do, as documents. Raises as `imagine` does."""
    return imagine(invoice=invoice, then=then, actor=actor, now=now, read=_laid_out)


def imagine(*, invoice: Invoice, then: str, actor: Actor, now: datetime, read: Callable[[Done], Read]) -> Read:
    """Void an invoice, have `read` see what it did, and undo it. Nothing is written, no number is used up, nobody is told.

    Raises what void.void raises, and InvoicesBeingIssued.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAITS_SECONDS}s"])
            seen = read(_done(invoice, then, actor, now))
            transaction.set_rollback(True)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise InvoicesBeingIssued("Invoices are being issued at this moment; look again when that is done.") from error
        raise
    return seen


def _done(invoice: Invoice, then: str, actor: Actor, now: datetime) -> Done:
    void.lock(invoice, now=now)  # first, so that nothing which others write while this waits is taken for the void's
    open_before = set(_open_late(invoice).values_list("id", flat=True))
    newest = CreditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    note = void.void(invoice=invoice, then=then, reason="", actor=actor, now=now)
    late = _open_late(invoice).exclude(id__in=open_before).select_related("meter").order_by("period_start", "id")
    return Done(note, _moved(invoice, newest), list(late), *_draft(invoice, now))


def _laid_out(done: Done) -> Foreseen:
    draft = sheets.of_preview(done.computed) if done.computed else None
    return Foreseen(sheets.of_issued(done.note), done.credit, done.late, draft, done.problem)


def _open_late(invoice: Invoice) -> QuerySet[LateUsage]:
    return LateUsage.objects.filter(subscription=invoice.subscription_id, state=LateState.OPEN)


@exact()
def _moved(invoice: Invoice, newest: int) -> list[CreditMoved]:
    """Add up the entries of the void, in the order of the ledger. The customer is locked since before: no entry of others is among them."""
    entries = CreditEntry.objects.filter(id__gt=newest, period__grant__customer=invoice.customer_id)
    back: dict[int, Decimal] = defaultdict(Decimal)
    expires: dict[int, Decimal] = defaultdict(Decimal)
    taken: dict[int, Decimal] = defaultdict(Decimal)
    periods: dict[int, GrantPeriod] = {}
    for entry in entries.select_related("period__grant__meter").order_by("id"):
        periods[entry.period_id] = entry.period
        if entry.amount > 0:
            back[entry.period_id] += entry.amount
        elif entry.kind == EntryKind.EXPIRED:
            expires[entry.period_id] -= entry.amount
        else:
            taken[entry.period_id] -= entry.amount
    return [CreditMoved(one.grant, one, back[key], expires[key], taken[key]) for key, one in periods.items()]


def _draft(invoice: Invoice, now: datetime) -> tuple[Invoice | None, Preview | None, str]:
    of_point = {"subscription": invoice.subscription_id, "point": invoice.point, "kind__in": KINDS_OF_POINTS}
    draft = Invoice.objects.filter(**of_point, status=InvoiceStatus.DRAFT, revision=invoice.revision + 1).first()
    if draft is None:
        return None, None, ""
    try:
        return draft, preview.of_draft(draft, now=now), ""
    except preview.DraftNotComputable as unknown:
        return draft, None, unknown.message
