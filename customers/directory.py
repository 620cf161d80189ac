"""Answer at once whose a customer id on the wire is: what exists is remembered for a few seconds."""

from collections.abc import Collection
from typing import Any, NamedTuple

from psycopg import Connection

from core import expiring

TOPIC = "customer"  # announced by whatever changes external_id or archived_at


class Entry(NamedTuple):
    """What ingest must know of a customer; `id` is the internal one."""

    id: int
    archived: bool


_known: expiring.Expiring[str, Entry] = expiring.Expiring(TOPIC)


def remembered(references: Collection[str]) -> dict[str, Entry] | None:
    """Return the entries of all references if this process knows every one of them, else None."""
    found = {}
    for reference in references:
        entry = _known.get(reference)
        if entry is None:
            return None
        found[reference] = entry
    return found


def resolve(references: Collection[str], *, connection: Connection[Any]) -> dict[str, Entry]:
    """Return the entry of each public or external id that exists; a public id goes before an equal external one."""
    found = {reference: entry for reference in references if (entry := _known.get(reference))}
    missing = [reference for reference in references if reference not in found]
    if missing:
        for reference, entry in _read(missing, connection).items():
            _known.put(reference, entry)
            found[reference] = entry
    return found


_READ = """
SELECT external_id, id, archived_at IS NOT NULL FROM customers_customer WHERE external_id = ANY(%(references)s)
UNION ALL
SELECT public_id, id, archived_at IS NOT NULL FROM customers_customer WHERE public_id = ANY(%(references)s)
"""


def _read(references: list[str], connection: Connection[Any]) -> dict[str, Entry]:
    rows = connection.execute(_READ, {"references": references}).fetchall()
    return {reference: Entry(internal_id, archived) for reference, internal_id, archived in rows}
