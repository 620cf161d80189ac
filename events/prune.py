"""Let go of the bodies of refused requests, by age and by total size; the reasons and the hourly counts stay for ever."""

from datetime import datetime, timedelta

from django.db import connection, transaction

# What is too old, and of the rest all but the newest bodies that fit together, each with the keys of the good events that were refused
# with others. Locked in the one order of events/dismiss.py first; the age is that of the locked row, or a body that was sent again while
# this waited for it would go all the same.
_PRUNE = """
WITH kept AS (
    SELECT r.id, sum(octet_length(r.body) + 16 * coalesce(cardinality(c.keys), 0)) OVER (
        ORDER BY r.latest_received_at DESC, r.id DESC
    ) AS size
    FROM events_refusedrequest AS r LEFT JOIN events_refusedcompanions AS c ON c.request_id = r.id
    WHERE r.body IS NOT NULL
), gone AS MATERIALIZED (
    SELECT r.id FROM events_refusedrequest AS r JOIN kept ON kept.id = r.id
    WHERE kept.size > %(most_bytes)s OR r.latest_received_at < %(oldest)s
    ORDER BY r.id FOR UPDATE OF r
)
UPDATE events_refusedrequest SET body = NULL, pruned_at = %(now)s FROM gone WHERE gone.id = events_refusedrequest.id
"""
# They tell of events that can be replayed, which needs the body.
_COMPANIONS = """
DELETE FROM events_refusedcompanions c USING events_refusedrequest r WHERE r.id = c.request_id AND r.body IS NULL
"""


@transaction.atomic
def prune(*, max_age: timedelta, most_bytes: int, now: datetime) -> int:
    """Empty the bodies of requests last received longer ago than max_age, then the oldest until most_bytes are left.

    They count compressed, and with 16 bytes for each good event that was refused with others.

    Returns how many were emptied.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, {"now": now, "oldest": now - max_age, "most_bytes": most_bytes})
        pruned = cursor.rowcount
        cursor.execute(_COMPANIONS)
        return pruned
