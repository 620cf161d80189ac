"""Read what was invoiced in each month: documents by their date of issue, so that a month that is over changes no more.

An invoice counts in its month also after it was voided; its credit note takes it off in the month of the void, as the journal books it.
Amounts of two currencies are never added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.periods import Interval, add_interval, local_date, local_midnight
from invoices.models import Invoice, InvoiceStatus

MONTHS = 12


@dataclass(frozen=True)
class Invoiced:
    """What was invoiced in one currency. months: (first instant in the billing zone, minor units), ascending, the running one last."""

    currency: str
    months: Sequence[tuple[datetime, int]]

    @property
    def latest(self) -> int:
        """Give the amount of the running month."""
        return self.months[-1][1]


def by_month(*, now: datetime, zone: str, months: int = MONTHS) -> list[Invoiced]:
    """Add up each of the latest months, empty ones too; the currency of the most documents comes first. One query."""
    starts = _starts(now, zone, months)
    within = [Q(issued_at__gte=start, issued_at__lt=end) for start, end in pairwise(starts)] + [Q(issued_at__gte=starts[-1])]
    sums = {f"month_{n}": Coalesce(Sum("total", filter=one), 0) for n, one in enumerate(within)}
    rows: QuerySet[Invoice, Any] = (
        Invoice.objects.exclude(status=InvoiceStatus.DRAFT).filter(issued_at__gte=starts[0]).order_by()
        .values("currency").annotate(number=Count("id"), **sums).order_by("-number", "currency")
    )  # fmt: skip
    return [Invoiced(row["currency"], [(start, int(row[f"month_{n}"])) for n, start in enumerate(starts)]) for row in rows]


def _starts(now: datetime, zone: str, months: int) -> list[datetime]:
    """List the first instants of the latest months, the running one last."""
    first = local_date(now, zone).replace(day=1)
    return [local_midnight(add_interval(first, Interval("Month", 1), -back), zone) for back in reversed(range(months))]
