"""Read what customers owe, by how long it is overdue, as of any day: who owes it, and each invoice behind it.

An invoice is owed from its issue until it is paid or voided. A payment that was taken back never was: the invoice was owed all the time.
Amounts of two currencies are never added.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.money import to_major
from core.periods import Zone
from core.sheets import Cell
from customers.listing import CustomerFilter
from customers.models import Customer
from invoices.models import Invoice, InvoiceKind, InvoiceStatus
from products.zones import date_at, midnight_of

BAND_DAYS = (30, 60, 90)
"""After so many whole days past the due instant the next band begins."""

OWED = F("total") - F("invoice_credit_amount")
COLUMNS = (
    "customer_id", "external_id", "customer", "email", "invoice_id", "number", "issued_at", "due_at", "days_overdue", "band",
    "currency", "owed",
)  # fmt: skip


@dataclass(frozen=True)
class Band:
    """Invoices that are overdue for as long as one another. key: its name in files, label: its name on pages."""

    key: str
    label: str | Promise


BANDS = (
    Band("not_due", _("Not due")),
    Band("1-30", _("1–30 days")),
    Band("31-60", _("31–60 days")),
    Band("61-90", _("61–90 days")),
    Band("over_90", _("Over 90 days")),
)


@dataclass(frozen=True)
class Owed:
    """What is owed in one currency, minor units. bands: as BANDS has them.  oldest_due_at: of what is owed the first due date."""

    currency: str
    invoice_count: int
    bands: Sequence[int]
    oldest_due_at: datetime

    @property
    def total(self) -> int:
        """Add the bands up."""
        return sum(self.bands)

    @property
    def overdue(self) -> int:
        """Add up what is past its due date."""
        return sum(self.bands[1:])


@dataclass(frozen=True)
class Debtor:
    """A customer and what they owe in one currency."""

    customer: Customer
    owed: Owed


def as_of(day: date | None, *, now: datetime, zone: Zone) -> datetime:
    """Give the instant by which a day is judged: its end in the billing zone of then, and for today, which has not ended, now."""
    if day is None or day == date_at(now, zone):
        return now
    return midnight_of(day + timedelta(days=1), zone)


def owed_at(at: datetime) -> QuerySet[Invoice]:
    """List the invoices that were owed at an instant; one that is to come is judged by what is known now."""
    since_settled = Q(status=InvoiceStatus.PAID, paid_at__gte=at) | Q(status=InvoiceStatus.VOID, voided_at__gte=at)
    unpaid_till_voided = Q(paid_at=None) | Q(paid_at__gte=at)
    return (
        Invoice.objects.filter(Q(status=InvoiceStatus.ISSUED) | (since_settled & unpaid_till_voided), issued_at__lt=at)
        .exclude(kind=InvoiceKind.CREDIT_NOTE)
        .filter(total__gt=F("invoice_credit_amount"))
    )


def by_currency(at: datetime) -> list[Owed]:
    """Add up all that is owed, the currency of the most invoices first."""
    rows = _banded(owed_at(at).order_by().values("currency"), at).order_by("-invoice_count", "currency")
    return [_owed(row) for row in rows]


def of_customer(customer: Customer, *, at: datetime) -> list[Owed]:
    """Add up what one customer owes, by currency."""
    rows = _banded(owed_at(at).filter(customer=customer).order_by().values("currency"), at)
    return [_owed(row) for row in rows.order_by("currency")]


def debtors(*, at: datetime, currency: str, search: str = "") -> Any:
    """List who owes, those with the most overdue first; `described` makes Debtors of a part of it."""
    rows = owed_at(at).filter(currency=currency)
    if search:
        rows = rows.filter(customer__in=CustomerFilter({"search": search}, queryset=Customer.objects.all()).qs)
    overdue = Coalesce(Sum(OWED, filter=Q(due_at__lt=at)), 0)
    found = _banded(rows.order_by().values("customer_id", "currency"), at).annotate(overdue=overdue, owed=Sum(OWED))
    return found.order_by("-overdue", "-owed", "customer_id")


def described(rows: Sequence[Mapping[str, Any]]) -> list[Debtor]:
    """Put the customers to rows of `debtors`."""
    customers = Customer.objects.in_bulk([row["customer_id"] for row in rows])
    return [Debtor(customers[row["customer_id"]], _owed(row)) for row in rows]


def lines(*, at: datetime, currency: str) -> Iterator[tuple[Cell, ...]]:
    """Write each invoice that is owed in a currency as a row of COLUMNS, by customer, what is due longest first."""
    rows = owed_at(at).filter(currency=currency).select_related("customer").annotate(owed=OWED)
    for one in rows.order_by("customer__name", "customer_id", "due_at", "id").iterator():
        assert one.due_at is not None  # noqa: S101  a check constraint holds it for whatever is issued
        who, overdue = one.customer, at - one.due_at
        yield (
            who.public_id, who.external_id, who.name, who.email, one.public_id, one.number, one.issued_at, one.due_at,
            max(overdue.days, 0), BANDS[_band_of(overdue)].key, one.currency, to_major(one.owed, one.currency),
        )  # fmt: skip


def _band_of(overdue: timedelta) -> int:
    return sum(overdue > timedelta(days=days) for days in (0, *BAND_DAYS))


def _banded(rows: QuerySet[Invoice, Any], at: datetime) -> Any:
    """Sum what is owed in each band, for each group of rows; a QuerySet, whose names the checker of types cannot know."""
    edges = [at, *(at - timedelta(days=days) for days in BAND_DAYS)]
    younger: Sequence[Q] = [Q(due_at__gte=edge) for edge in edges]
    older = [Q(due_at__lt=edge) for edge in edges]
    bands = [younger[0], *(old & young for old, young in zip(older, younger[1:], strict=False)), older[-1]]
    sums = {f"band_{n}": Coalesce(Sum(OWED, filter=band), 0) for n, band in enumerate(bands)}
    return rows.annotate(invoice_count=Count("id"), oldest_due_at=Min("due_at"), **sums)


def _owed(row: Mapping[str, Any]) -> Owed:
    bands = [int(row[f"band_{n}"]) for n in range(len(BANDS))]
    return Owed(row["currency"], row["invoice_count"], bands, row["oldest_due_at"])
