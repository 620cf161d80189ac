"""Search for late usage, and date that of ended subscriptions by when it came: in one transaction, whoever searches and is killed then."""

from datetime import datetime

from django.db import connection, transaction

from core.sql import load
from invoices import closed, late, line_events
from invoices.closed import Closed
from invoices.late_models import LateUsage
from meters import behind
from meters.behind import Asked

CHARGES_AT_ONCE = 500


@transaction.atomic
def search(*, now: datetime) -> int:
    """Keep what came late since the last search, dated; give the number of charges concerned. See Note [Late usage]."""
    found = late.search(now=now)
    if found:
        _date_found(now)
    return found


def _date_found(now: datetime) -> None:
    """Date what was found at `now` by when the first of it came: a search that runs late must not put it into the next month.

    Also where the last invoice is still to be issued: it does not take up what is held for a person.
    """
    rows = {late.slot(row): row.id for row in LateUsage.objects.filter(subscription__ends_at__lte=now, found_at=now)}
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
