"""Keep the billing zone's days as rows, so that SQL finds an event's day without knowing time zones (semantics 4)."""

from datetime import date, timedelta

from django.conf import settings
from django.db import connection

from core.models import BillingDay
from core.periods import Period, days, local_midnight


def cover(first: date, latest: date) -> None:
    """See to it that every day from first to latest (both included) has its row, without a gap to those that exist.

    Within the caller's transaction. Safe in any number of them at once: who adds days holds the deployment's row until it commits, or
    two could leave a gap between them.
    """
    if not _missing(first, latest):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM core_deployment FOR NO KEY UPDATE")
    for stretch in _missing(first, latest):
        _write(*stretch)


def _missing(first: date, latest: date) -> list[tuple[date, date]]:
    """List the stretches of days (both ends included) that the rows, which have no gap, lack before and behind them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(date), max(date) FROM core_billingday")
        known_first, known_latest = cursor.fetchone()
    if known_first is None:
        return [(first, latest)]
    ends = [(first, known_first - timedelta(days=1)), (known_latest + timedelta(days=1), latest)]
    return [(start, end) for start, end in ends if start <= end]


def _write(first: date, latest: date) -> None:
    zone = settings.BILLING_TIME_ZONE
    stretch = Period(local_midnight(first, zone), local_midnight(latest + timedelta(days=1), zone))
    rows = [BillingDay(date=day, starts_at=whole.start, ends_at=whole.end) for day, whole in days(stretch, zone)]
    BillingDay.objects.bulk_create(rows, ignore_conflicts=True)
