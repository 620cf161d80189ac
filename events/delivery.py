"""Count what each key delivers by the hour, without a write for each request.

Figures gather in the process and are written every few seconds: a process that is killed loses the figures of those seconds, never an
event. Refusals that are kept are counted there (refusals.py); those that leave nothing but a figure (a key without the scope, too many
requests, an overloaded server, a body that was not read) are counted here, one for each request.
"""

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from psycopg import Connection

LOCK_MILLISECONDS = 200
"""A replay holds the figures of its hours until it commits: the thread that writes figures also looks keys up, and they can wait."""

_WRITE = """
INSERT INTO events_deliveryhour (api_key_id, hour, accepted_count, duplicate_count, conflict_count, latest_success_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (api_key_id, hour) DO UPDATE SET
    accepted_count = events_deliveryhour.accepted_count + excluded.accepted_count,
    duplicate_count = events_deliveryhour.duplicate_count + excluded.duplicate_count,
    conflict_count = events_deliveryhour.conflict_count + excluded.conflict_count,
    latest_success_at = greatest(events_deliveryhour.latest_success_at, excluded.latest_success_at)
"""
COUNT_REFUSED = """
INSERT INTO events_deliveryrefusal (api_key_id, hour, code, refused_count) VALUES (%s, date_trunc('hour', %s::timestamptz, 'UTC'), %s, %s)
ON CONFLICT (api_key_id, hour, code) DO UPDATE SET refused_count = events_deliveryrefusal.refused_count + excluded.refused_count
"""
_HASTEN = f"SET LOCAL lock_timeout = '{LOCK_MILLISECONDS}ms'"
_USE_KEY = "UPDATE access_apikey SET latest_used_at = greatest(latest_used_at, %s) WHERE id = %s"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Figures:
    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    latest_at: datetime = _NEVER


Place: TypeAlias = tuple[int, datetime]  # a key's internal id and the UTC hour of receipt

_gathered: dict[Place, _Figures] = {}
_refused: dict[tuple[int, datetime, str], int] = {}
_lock = threading.Lock()


def note(api_key_id: int, *, at: datetime, accepted: int, duplicate: int = 0, conflict: int = 0) -> None:
    """Add one answered request to the figures of its key and UTC hour."""
    where = place(api_key_id, at)
    with _lock:
        figures = _gathered.get(where)
        if figures is None:
            figures = _gathered[where] = _Figures()
        figures.accepted += accepted
        figures.duplicate += duplicate
        figures.conflict += conflict
        if at > figures.latest_at:
            figures.latest_at = at


def note_refused(api_key_id: int, *, at: datetime, code: str) -> None:
    """Add one request that was refused unread to the figures of its key and UTC hour."""
    refusal = (*place(api_key_id, at), code)
    with _lock:
        _refused[refusal] = _refused.get(refusal, 0) + 1


def write(connection: Connection[Any]) -> None:
    """Write what has gathered, and begin anew; on an error it is kept for the next time.

    Raises psycopg.Error, LockNotAvailable where somebody holds some of the figures.
    """
    with _lock:
        taken, refused = dict(_gathered), dict(_refused)
        _gathered.clear()
        _refused.clear()
    if not taken and not refused:
        return
    rows = [
        (key, hour, f.accepted, f.duplicate, f.conflict, f.latest_at)
        for (key, hour), f in sorted(taken.items(), key=lambda i: i[0])
    ]
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(_HASTEN)
            cursor.executemany(_WRITE, rows)
            cursor.executemany(COUNT_REFUSED, [(*refusal, count) for refusal, count in sorted(refused.items())])
            cursor.executemany(_USE_KEY, [(latest_at, api_key_id) for api_key_id, *_, latest_at in rows])
    except BaseException:
        _restore(taken, refused)
        raise


def add_accepted(accepted: Counter[Place], *, connection: Connection[Any]) -> None:
    """Count events that are accepted only now, by key and hour of their receipt, in the caller's transaction; the keys sent nothing now.

    Once in a transaction, and last of all: the figures are held until it commits, and taken in the order in which write() takes them,
    so that nobody waits for another in a ring.
    """
    with connection.cursor() as cursor:
        cursor.executemany(_WRITE, [(*where, count, 0, 0, None) for where, count in sorted(accepted.items())])


def place(api_key_id: int, at: datetime) -> Place:
    """Return where events of a key that were received at `at` count."""
    return api_key_id, at.replace(minute=0, second=0, microsecond=0)


def _restore(taken: dict[Place, _Figures], refused: dict[tuple[int, datetime, str], int]) -> None:
    with _lock:
        for where, figures in taken.items():
            now = _gathered.setdefault(where, _Figures())
            now.accepted += figures.accepted
            now.duplicate += figures.duplicate
            now.conflict += figures.conflict
            now.latest_at = max(now.latest_at, figures.latest_at)
        for refusal, count in refused.items():
            _refused[refusal] = _refused.get(refusal, 0) + count


def forget() -> None:
    """Drop what has gathered, for tests whose tables are emptied."""
    with _lock:
        _gathered.clear()
        _refused.clear()
