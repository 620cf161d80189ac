"""Read what was invoiced in each month: documents by their date of issue, so that a month that is over changes no more.

An invoice counts in its month also after it was voided; its credit note takes it off in the month of the void, as the journal books it.
Amounts of two currencies are never added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.periods import Interval, Zone, add_interval
from invoices.models import Invoice, InvoiceStatus
from products.zones import date_at, midnight_of

MONTHS = 12


@dataclass(frozen=True)
class Invoiced:
    """What was invoiced in one currency. months: (first day, minor units), ascending, the running one last."""

    currency: str
    months: Sequence[tuple[date, int]]

    @property
    def latest(self) -> int:
        """Give the amount of the running month."""
        return self.months[-1][1]


def by_month(*, now: datetime, zone: Zone, months: int = MONTHS) -> list[Invoiced]:
    """Add up each of the latest months of the billing zone of then, empty ones too; one query.

    The currency of the most documents comes first.
    """
    days = _first_days(date_at(now, zone), months)
    starts = [midnight_of(day, zone) for day in days]
    within = [Q(issued_at__gte=start, issued_at__lt=end) for start, end in pairwise(starts)] + [Q(issued_at__gte=starts[-1])]
    sums = {f"month_{n}": Coalesce(Sum("total", filter=one), 0) for n, one in enumerate(within)}
    rows: QuerySet[Invoice, Any] = (
        Invoice.objects.exclude(status=InvoiceStatus.DRAFT).filter(issued_at__gte=starts[0]).order_by()
        .values("currency").annotate(number=Count("id"), **sums).order_by("-number", "currency")
    )  # fmt: skip
    return [Invoiced(row["currency"], [(day, int(row[f"month_{n}"])) for n, day in enumerate(days)]) for row in rows]


def _first_days(today: date, months: int) -> list[date]:
    """List the first days of the latest months, the running one last."""
    return [add_interval(today.replace(day=1), Interval("Month", 1), -back) for back in reversed(range(months))]
