"""Search for late usage, and date that of ended subscriptions by when it came: in one transaction, whoever searches and is killed then."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from core.sql import load
from invoices import closed, late, line_events
from invoices.closed import Closed
from invoices.late_models import LateUsage
from invoices.models import Invoice, InvoiceStatus
from meters import behind
from meters.behind import Asked
from products.models import Subscription

CHARGES_AT_ONCE = 500


@transaction.atomic
def search(*, now: datetime) -> int:
    """Keep what came late since the last search, dated; give the number of charges concerned. See Note [Late usage]."""
    found = late.search(now=now)
    if found:
        date_found(now=now)
    return found


def ended() -> Q:
    """Match late usage whose subscription has no invoice to come that could take it up."""
    draft = Invoice.objects.filter(subscription=OuterRef("subscription"), status=InvoiceStatus.DRAFT)
    return Q(~Exists(draft)) & Q(~Exists(Subscription.objects.filter(id=OuterRef("subscription"), next_point__isnull=False)))


def date_found(*, now: datetime) -> None:
    """Date what was found at `now` by when the first of it came: a search that runs late must not put it into the next month."""
    rows = {late.slot(row): row.id for row in LateUsage.objects.filter(ended(), found_at=now)}
    slots = sorted(rows)
    for start in range(0, len(slots), CHARGES_AT_ONCE):
        found = closed.read(slots[start : start + CHARGES_AT_ONCE])
        first = behind.first_changes([_changed(one) for one in found.values()])
        dates = [min(at or now, now) for at in first]
        with connection.cursor() as cursor:
            cursor.execute(load(__file__, "late_dated"), {"ids": [rows[slot] for slot in found], "dates": dates, "now": now})


def _changed(one: Closed) -> Asked:
    """Ask for the events that changed a charge since it was billed."""
    since = line_events.of(one.latest_snapshot)
    return Asked(one.definition, one.line.invoice.customer_id, one.whole, at=None, since=since)
