"""Know how far the event log is counted, and lock that knowledge (semantics 19 to 21).

# Note [Positions]
A meter without a RollPosition of its own follows the one that all caught-up meters share, called live. Whoever changes a rollup, a
meter's activity or an event's voids, or makes a meter, first locks the position rows concerned: the live one, whenever a meter could
join or leave it meanwhile, and then the others in id order. So what a round has read of meters, voids and activity stands until it commits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from core import deployment
from meters.models import RollPosition

MAX_XID = 2**63 - 1


@dataclass(frozen=True, order=True)
class LogPosition:
    """A place in the log: (epoch, transaction id, order of arrival)."""

    epoch: int
    xid: int
    arrival: int


def of(row: RollPosition) -> LogPosition:
    """Give the place up to which (included) this row's meters are counted."""
    return LogPosition(row.log_epoch, row.log_xid, row.log_arrival)


def bound() -> LogPosition:
    """Give the place before which no event can turn up any more: every transaction of a lower id has ended.

    Raises ClusterChanged.
    """
    epoch = deployment.epoch()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        return LogPosition(epoch, int(cursor.fetchone()[0]), 0)


def end() -> LogPosition:
    """Give the place behind every event that this transaction sees. Raises ClusterChanged."""
    return LogPosition(deployment.epoch(), MAX_XID, 0)


def live() -> RollPosition:
    """Read the shared position without locking it."""
    return RollPosition.objects.get(meter=None)


def lock(meter_ids: Iterable[int] = ()) -> tuple[RollPosition, dict[int, RollPosition]]:
    """Lock the live position and then these meters' own, in id order, until the transaction ends.

    Returns the live row and the own rows by meter; a meter that is not among them follows the live one.
    """
    rows = RollPosition.objects.select_for_update(of=("self",))
    live = rows.get(meter=None)
    # By a statement of its own, which sees the positions that meters got while the live one was waited for.
    own = rows.filter(meter__in=list(meter_ids)).order_by("id")
    return live, {row.meter_id: row for row in own if row.meter_id is not None}


def claim(wanted: Q) -> RollPosition | None:
    """Lock one position row to roll it; None while somebody else has it, or where it is gone."""
    return RollPosition.objects.select_for_update(skip_locked=True, of=("self",)).filter(wanted).first()


def claim_all(wanted: Q) -> list[RollPosition]:
    """Lock position rows in id order to roll them; those that somebody else has, or that are gone, are left out."""
    return list(RollPosition.objects.select_for_update(skip_locked=True, of=("self",)).filter(wanted).order_by("id"))


def advance(row: RollPosition, to: LogPosition) -> None:
    """Write how far the row's meters are counted now."""
    row.log_epoch, row.log_xid, row.log_arrival = to.epoch, to.xid, to.arrival
    row.save(update_fields=["log_epoch", "log_xid", "log_arrival", "rolled_at"])
