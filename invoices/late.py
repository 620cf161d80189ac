"""Find usage that came late: into cycles that are billed already; each change once, at no cost while there is none.

# Note [Late usage]
A rollup bucket carries the greatest log position merged or voided into it. Closed lines whose buckets have one that their snapshot may
not have seen are kept in LateUsage, a row for each charge of a cycle: by the search, which goes on from where the one before it ended
(LateScan). The row is settled once it was looked at, whatever came out, with the snapshot of that look: so nothing is computed again
and again. Whoever issues, searches or changes a LateUsage row takes the lock of late usage first: while it is held no line can come up
that the search does not see, and a line that an issue is about to write is searched for from its own snapshot on. Billing runs share the
lock: each settles only rows of customers that it has locked. It is the lock of LateScan's table: tables are locked in the order in which
it is asked for, while those who share a row's lock pass by whoever waits to have it alone, and a void would wait as long as a run goes on.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import LiteralString, cast

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from psycopg import sql

from core import database
from core.sql import load
from events.models import LogSnapshot
from invoices.late_models import LateScan, LateState, LateUsage
from meters import changes
from meters.filter_sql import Parameters
from meters.positions import LogPosition


@dataclass(frozen=True, order=True)
class Slot:
    """One meter's charge of one closed cycle, whatever revision of its invoice it stands on."""

    subscription_id: int
    point: int
    period_start: datetime
    meter_id: int


def lock() -> LateScan:
    """Take the lock of all late usage until the transaction ends; the row is made at its first use. See Note [Late usage]."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE invoices_latescan IN SHARE ROW EXCLUSIVE MODE")
    return LateScan.objects.get_or_create(id=1)[0]


def lock_shared() -> None:
    """Keep searches out until the transaction ends; any number may issue at once, each for customers that it locks next."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE invoices_latescan IN ROW EXCLUSIVE MODE")


@transaction.atomic
def search(*, now: datetime) -> int:
    """Keep what came late since the last search; give the number of charges concerned."""
    scan = lock()
    upto = changes.reached()
    parameters = Parameters()
    statement = _statement("late_kept").format(found=_found(_place(scan), parameters))
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, "now": now})
        found = cursor.rowcount
    # A meter that is counted anew lags behind; what lies before the place where the last search ended was seen by it.
    scan.log_epoch, scan.log_xid = max((scan.log_epoch, scan.log_xid), (upto.epoch, upto.xid))
    scan.searched_at = now
    scan.save(update_fields=["log_epoch", "log_xid", "searched_at"])
    return found


def found(customer_ids: Collection[int]) -> list[Slot]:
    """List what the next search will find for these customers; writes nothing."""
    if not customer_ids:
        return []
    scan = LateScan.objects.filter(id=1).first() or LateScan()
    parameters = Parameters()
    with connection.cursor() as cursor:
        cursor.execute(_found(_place(scan), parameters, customer_ids), parameters.bound)
        return [Slot(row[0], row[2], row[4], row[3]) for row in cursor.fetchall()]


def to_bill() -> QuerySet[LateUsage]:
    """Give the late usage that the next invoices take up: none that waits for a person where it is held for review."""
    billable = Q(state=LateState.APPROVED) if settings.HOLD_LATE_USAGE else ~Q(state=LateState.SETTLED)
    return LateUsage.objects.filter(billable)


def is_waiting(subscription_ids: Collection[int]) -> bool:
    """Whether any late usage of these subscriptions is not settled; in plain SQL, for each chunk of a billing run asks it."""
    statement = "SELECT FROM invoices_lateusage WHERE subscription_id = ANY(%(ids)s::bigint[]) AND state <> %(settled)s LIMIT 1"
    return bool(database.read(statement, {"ids": database.array(subscription_ids), "settled": LateState.SETTLED.value}))


def is_billable(row: LateUsage) -> bool:
    """Whether the next invoice takes a row up."""
    return row.state == LateState.APPROVED or (row.state == LateState.OPEN and not settings.HOLD_LATE_USAGE)


def slot(row: LateUsage) -> Slot:
    """Give the charge that a row is about."""
    return Slot(row.subscription_id, row.point, row.period_start, row.meter_id)


def rows(slots: Iterable[Slot]) -> QuerySet[LateUsage]:
    """Give the rows of these charges, in one condition however many there are."""
    wanted = list(slots)
    columns = [[getattr(one, column.name) for one in wanted] for column in fields(Slot)]
    found = RawSQL(
        "SELECT k.id FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::bigint[])"
        " AS wanted(subscription_id, point, period_start, meter_id)"
        " JOIN invoices_lateusage k USING (subscription_id, point, period_start, meter_id)",
        columns,
    )
    return LateUsage.objects.filter(id__in=found)


def settle(slots: Collection[Slot], *, snapshot: LogSnapshot) -> None:
    """Note that these charges were looked at, with what `snapshot` saw; under the lock."""
    if slots:
        rows(slots).update(state=LateState.SETTLED, snapshot=snapshot)


def open_again(slots: Collection[Slot], *, now: datetime) -> None:
    """Have these charges looked at again, because something that was billed for them was taken back; under the lock."""
    if slots:
        rows(slots).update(state=LateState.OPEN, found_at=now)


def _place(scan: LateScan) -> LogPosition:
    return LogPosition(scan.log_epoch, scan.log_xid, 0)


def _found(since: LogPosition, parameters: Parameters, customer_ids: Collection[int] | None = None) -> sql.Composable:
    changed = changes.changed(since=since, parameters=parameters, customer_ids=customer_ids)
    return _statement("late_found").format(changed=changed)


def _statement(name: str) -> sql.SQL:
    return sql.SQL(cast(LiteralString, load(__file__, name)))
