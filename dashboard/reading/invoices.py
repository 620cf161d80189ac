"""Read invoices with what is still to pay, and what happened to one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet

from dashboard.reading import actors
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice, InvoiceEvent
from invoices.remark_models import RemarkChange


@dataclass(frozen=True)
class Happened:
    """One entry of an invoice's history. actor: in words.  before, after: of a text that was changed, None of a change of state."""

    at: datetime
    label: str
    actor: str
    reason: str = ""
    before: str | None = None
    after: str | None = None


def listed() -> QuerySet[Invoice]:
    """Read invoices as lists show them: with their customer and `due`, what is still to pay in minor units."""
    due = F("total") - F("invoice_credit_amount") - F("amount_paid")
    return Invoice.objects.select_related("customer").annotate(due=due)


def following(invoice: Invoice) -> Invoice | None:
    """Give the next revision of a voided invoice's billing point, where it is billed again."""
    of_point = Invoice.objects.filter(subscription=invoice.subscription_id, point=invoice.point, kind__in=KINDS_OF_POINTS)
    return of_point.filter(revision=invoice.revision + 1).first() if invoice.kind in KINDS_OF_POINTS else None


def history(invoice: Invoice) -> list[Happened]:
    """List what people and runs did to an invoice, the first first: changes of its state and of what stands on it."""
    rows: list[InvoiceEvent | RemarkChange] = list(invoice.events.order_by("id"))
    rows += invoice.remark_changes.order_by("id")
    named = actors.names(_actor(row) for row in rows)
    return sorted(_entries(rows, named), key=lambda one: one.at)


def _entries(rows: Iterable[InvoiceEvent | RemarkChange], named: Mapping[str, str]) -> Iterator[Happened]:
    for row in rows:
        who = named[_actor(row)]
        if isinstance(row, InvoiceEvent):
            yield Happened(row.created_at, row.get_to_status_display(), who, row.reason)
        else:
            yield Happened(row.created_at, row.get_remark_display(), who, before=row.before, after=row.after)


def _actor(row: InvoiceEvent | RemarkChange) -> str:
    return f"{row.actor_kind}:{row.actor_id}"
