"""Add the days of the past up, so that a month or years of all customers are read from a fraction of the rows.

# Note [Blocks of days]
The roller writes days. Once nothing changes in them any more, those of a block (5, 15 or 60 days, the small ones within the large ones) are
added up in a row for each customer beside them; the large ones from the small ones, for to read 60 days takes ten times as long. The days
stay and say all that the block says. Usage of all customers is read from the largest blocks that are added up and from the days between
them, by one statement, so from one snapshot. A month lies in some 7 rows of each customer for 30, a year in some 14.

Whoever writes a day says in the same transaction that its blocks are no longer added up (blocks_changed.sql): from then on its days are
read again. Who adds up holds the live position and leaves meters alone that have one of their own: so no meter joins or leaves, and nobody
else writes a day of this one (Note [Positions]). No sum is ever mended, only made anew: an event of an old day costs its blocks a while of
being read by days.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from core.faults import fault
from core.periods import local_date
from meters import positions
from meters.filter_sql import template
from meters.models import MeterBlock, RollPosition

# A block that still gets events is left alone: it would be added up again after each of them.
QUIET = timedelta(minutes=10)
# A block takes some 10 to 20 ms for a thousand customers, in a transaction of its own that rolling has to wait for.
TURN = timedelta(seconds=10)
AT_MOST = 10_000
_BEHIND = RollPosition.objects.filter(meter__isnull=False).values("meter")
# Of meters that have caught up: those behind are read from raw events, and write one day after another.
_WAITING = MeterBlock.objects.filter(is_added_up=False).exclude(meter__in=_BEHIND)


def add_up(*, now: datetime, at_most: int = AT_MOST, turn: timedelta = TURN) -> int:
    """Add up the blocks that are over and in which nothing has changed of late; returns how many. Safe in any number at once.

    No block is begun once the turn is over.
    """
    over, done = time.monotonic() + turn.total_seconds(), 0
    today = local_date(now, settings.BILLING_TIME_ZONE)
    due = _WAITING.filter(end_day__lte=today, changed_at__lt=now - QUIET)
    # Of those that end together the small ones first, for the large ones are made of them.
    for block in due.order_by("end_day", "-first_day", "meter_id")[:at_most]:
        if time.monotonic() > over:
            break
        done += _add_up(block)
    return done


@transaction.atomic
def _add_up(block: MeterBlock) -> bool:
    """Add up one block; False where another process has done so, or the meter is being counted again."""
    positions.lock()
    if not _WAITING.filter(id=block.id).exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM meters_usageblock WHERE block_id = %s", [block.id])
        cursor.execute(
            template("add_up").format(added_up=template("added_up"), whole=template("whole_days")),
            {"block": block.id, "meter": block.meter_id, "first_day": block.first_day, "end_day": block.end_day},
        )
    fault("blocks: added up")
    MeterBlock.objects.filter(id=block.id).update(is_added_up=True)
    return True


def forget(meter_id: int) -> None:
    """Forget a meter's blocks together with its days; within the caller's transaction, under the position's lock."""
    blocks = MeterBlock.objects.filter(meter=meter_id)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM meters_usageblock WHERE block_id = ANY(%s)", [list(blocks.values_list("id", flat=True))])
    blocks.delete()
