"""Answer at once whose a customer id on the wire is: what exists is remembered for a few seconds."""

import time
from collections.abc import Set
from typing import Any, NamedTuple

from psycopg import Connection

from core import expiring

TOPIC = "customer"  # announced by whatever changes external_id or archived_at


class Entry(NamedTuple):
    """What ingest must know of a customer; `id` is the internal one."""

    id: int
    archived: bool


known: expiring.Expiring[str, Entry] = expiring.Expiring(TOPIC)


def remembered(references: Set[str]) -> dict[str, Entry] | None:
    """Return the entries of all references if this process knows every one of them, else None."""
    found = known.get_all(references)
    return found if len(found) == len(references) else None


def resolve(references: Set[str], *, connection: Connection[Any]) -> dict[str, Entry]:
    """Return the entry of each public or external id that exists; a public id goes before an equal external one."""
    found = known.get_all(references)
    if len(found) < len(references):
        missing = [reference for reference in references if reference not in found]
        asked_at = time.monotonic()
        read_now = read(missing, connection=connection)
        known.renew(missing, read_now, asked_at=asked_at)
        found |= read_now
    return found


_READ = """
SELECT external_id, id, archived_at IS NOT NULL FROM customers_customer WHERE external_id = ANY(%(references)s)
UNION ALL
SELECT public_id, id, archived_at IS NOT NULL FROM customers_customer WHERE public_id = ANY(%(references)s)
"""


def read(references: list[str], *, connection: Connection[Any]) -> dict[str, Entry]:
    """Read the entry of each public or external id that exists, in one statement."""
    rows = connection.execute(_READ, {"references": references}).fetchall()
    return {reference: Entry(internal_id, archived) for reference, internal_id, archived in rows}
