"""Write judged events in the two forms that PostgreSQL takes them in: rows of a binary COPY, and JSON for a record set. PURE.

# Note [Binary rows]
A binary COPY saves PostgreSQL reading numbers and times, and nothing in it needs escaping. Each row is the number of its fields, then
each field behind its length. What is the same in every row of a request stands first, so that it is made once.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from events.validation import KEY_BYTES, Event, digest, identity

COPY = (
    "COPY events_event (received_at, timestamp_given, key, customer_id, event_name_id, timestamp, event_id, metadata) "
    "FROM STDIN (FORMAT binary)"
)
_FIRST = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # the signature, no flags, no extension
_LAST = struct.pack("!h", -1)
_same = struct.Struct("!hiqi?i").pack  # number of fields, received_at, timestamp_given, the length of a key
_own = struct.Struct(f"!{KEY_BYTES}siqiiiqi").pack  # key, customer_id, event_name_id, timestamp, the length of event_id
_json = struct.Struct("!iB").pack  # the length of metadata, the version of jsonb's form
_KEY_AT = struct.calcsize("!hiqi?i")
KEY = slice(_KEY_AT, _KEY_AT + KEY_BYTES)  # of a row
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Batch:
    """Good events of one request, with the numbers that stand for its key, customers and names."""

    events: Sequence[Event]
    indexes: Sequence[int]
    customers: Mapping[str, int]
    names: Mapping[str, int]
    received_at: datetime
    key_id: int


def copy_rows(batch: Batch) -> list[bytes]:
    """Return one row for COPY an event, in the order of the request. See Note [Binary rows]."""
    customers, names = batch.customers, batch.names
    received = (batch.received_at - _EPOCH) // _MICROSECOND
    given, not_given = (_same(8, 8, received, 1, one, KEY_BYTES) for one in (True, False))
    rows = []
    for event in batch.events:
        event_id, moment, metadata = event.event_id.encode(), event.timestamp, event.metadata
        own = _own(
            digest(event_id),
            8,
            customers[event.customer_id],
            4,
            names[event.event_name],
            8,
            (moment - _EPOCH) // _MICROSECOND if moment else received,
            len(event_id),
        )
        rows.append(b"".join((given if moment else not_given, own, event_id, _json(len(metadata) + 1, 1), metadata)))
    return rows


def copy_data(rows: Iterable[bytes]) -> bytes:
    """Return what COPY reads: the rows between their head and their end."""
    return b"".join((_FIRST, *rows, _LAST))


def record_set(events: Iterable[tuple[int, Batch, Event]]) -> str:
    """Return a JSON list with one record an event, under the numbers `n` that come with them."""
    return _encode(
        [
            {
                "n": n,
                "key": identity(event.event_id),
                "event_id": event.event_id,
                "customer_id": batch.customers[event.customer_id],
                "customer": event.customer_id,
                "event_name_id": batch.names[event.event_name],
                "event_name": event.event_name,
                "timestamp": (event.timestamp or batch.received_at).astimezone(UTC),
                "timestamp_given": bool(event.timestamp),
                "received_at": batch.received_at,
                "api_key_id": batch.key_id,
                "metadata": event.metadata,
            }
            for n, batch, event in events
        ]
    ).decode()
