"""Let go of the bodies of refused requests, by age and by total size; the reasons and the hourly counts stay for ever."""

from datetime import datetime, timedelta

from django.db import connection, transaction

_OLD = """
UPDATE events_refusedrequest SET body = NULL, pruned_at = %(now)s WHERE body IS NOT NULL AND latest_received_at < %(oldest)s
"""
# The newest bodies that fit together stay, each with the keys of the good events that were refused with others.
_MANY = """
UPDATE events_refusedrequest SET body = NULL, pruned_at = %(now)s
FROM (
    SELECT r.id, sum(octet_length(r.body) + 16 * coalesce(cardinality(c.keys), 0)) OVER (
        ORDER BY r.latest_received_at DESC, r.id DESC
    ) AS size
    FROM events_refusedrequest AS r LEFT JOIN events_refusedcompanions AS c ON c.request_id = r.id
    WHERE r.body IS NOT NULL
) AS kept
WHERE kept.id = events_refusedrequest.id AND kept.size > %(most_bytes)s
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
        cursor.execute(_OLD, {"now": now, "oldest": now - max_age})
        old = cursor.rowcount
        cursor.execute(_MANY, {"now": now, "most_bytes": most_bytes})
        many = cursor.rowcount
        cursor.execute(_COMPANIONS)
        return old + many
