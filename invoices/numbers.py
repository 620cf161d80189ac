"""Number invoices without a gap: the series' row is the lock of all issuing, and holds the latest number."""

from dataclasses import dataclass
from datetime import datetime

from core.deployment import billing_zone
from invoices.series_models import InvoiceSeries
from products.zones import date_at

INVOICES = "INV"
CREDIT_NOTES = "CN"


@dataclass(frozen=True)
class Number:
    """A number of a series: its row, its place in it, its text."""

    series_id: int
    series_number: int
    text: str


def lock(*, series: str, now: datetime) -> InvoiceSeries:
    """Take the lock of a series in the billing year of `now` until the transaction ends; the row is made at its first use."""
    year = date_at(now, billing_zone()).year
    locked = InvoiceSeries.objects.select_for_update().filter(series=series, year=year)
    if not (rows := list(locked)):
        InvoiceSeries.objects.bulk_create([InvoiceSeries(series=series, year=year)], ignore_conflicts=True)
        rows = list(locked.all())
    return rows[0]


def issue_time(series: InvoiceSeries, now: datetime) -> datetime:
    """Give the time of issue: `now`, or that of the latest number where it is later, so that dates follow numbers."""
    return max(now, series.latest_issued_at or now)


def take(series: InvoiceSeries, count: int, *, issued_at: datetime) -> list[Number]:
    """Take the next numbers of a locked series, in order; they are used up when the transaction commits."""
    first = series.latest_number + 1
    series.latest_number += count
    series.latest_issued_at = issued_at
    series.save(update_fields=["latest_number", "latest_issued_at"])
    return [Number(series.id, n, f"{series.series}-{series.year}-{n:06d}") for n in range(first, first + count)]
