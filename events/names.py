"""Give every event name its number, for ever the same; a name is made by the first event that carries it."""

import time
from collections.abc import Collection
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.pq import TransactionStatus

from core import expiring

known: expiring.Expiring[str, int] = expiring.Expiring("event_name")


def remembered(names: Collection[str]) -> dict[str, int] | None:
    """Return the numbers of all names if this process knows every one of them, else None."""
    found = known.get_all(names)
    return found if len(found) == len(names) else None


def numbers(names: Collection[str], *, connection: Connection[Any], now: datetime) -> dict[str, int]:
    """Return the number of each name. New ones are committed before any event refers to them, unless the caller holds a transaction.

    They are written in sorted order, so that two requests with the same new names do not wait for each other in a ring.
    """
    already = remembered(names)
    if already is not None:
        return already
    asked_at = time.monotonic()
    found = read(list(names), connection=connection)
    missing = sorted(set(names) - found.keys())
    if missing:
        statement = "INSERT INTO events_eventname (name, first_received_at) SELECT unnest(%s::text[]), %s ON CONFLICT DO NOTHING"
        with connection.transaction():
            connection.execute(statement, [missing, now])
        found |= read(missing, connection=connection)
    if connection.info.transaction_status == TransactionStatus.IDLE:
        for name, number in found.items():
            known.put(name, number, asked_at=asked_at)
    return found


def read(names: list[str], *, connection: Connection[Any]) -> dict[str, int]:
    """Read the number of each name that has one, in one statement."""
    return dict(connection.execute("SELECT name, id FROM events_eventname WHERE name = ANY(%s)", [names]).fetchall())
