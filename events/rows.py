"""Write judged events as the two texts that PostgreSQL takes them in: COPY lines, and JSON for a record set. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from events.validation import Event, identity

COPY = (
    "COPY events_event (key, customer_id, timestamp, received_at, event_name_id, timestamp_given, event_id, metadata) FROM STDIN"
)

_encode = msgspec.json.Encoder(decimal_format="number").encode


KEY_LENGTH = 32  # of the key's hexadecimal digits, with which every line begins


@dataclass(frozen=True, slots=True)
class Batch:
    """Good events of one request, with the numbers that stand for its key, customers and names; `plain`: no text needs escaping."""

    events: Sequence[Event]
    indexes: Sequence[int]
    customers: Mapping[str, int]
    names: Mapping[str, int]
    received_at: datetime
    key_id: int
    plain: bool = False


def copy_lines(batch: Batch) -> list[str]:
    """Return one line for COPY an event, in the order of the request."""
    customers, names, received = batch.customers, batch.names, batch.received_at.isoformat()
    if batch.plain:
        return [
            f"{identity(e.event_id)}\t{customers[e.customer_id]}\t{e.timestamp or received}\t{received}\t{names[e.event_name]}\t"
            f"{'t' if e.timestamp else 'f'}\t{e.event_id}\t{_encode(e.metadata or {}).decode()}\n"
            for e in batch.events
        ]
    return [
        f"{identity(e.event_id)}\t{customers[e.customer_id]}\t{e.timestamp or received}\t{received}\t{names[e.event_name]}\t"
        f"{'t' if e.timestamp else 'f'}\t{_escaped(e.event_id)}\t{_escaped_json(e.metadata or {})}\n"
        for e in batch.events
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _escaped_json(metadata: object) -> str:
    return _encode(metadata).decode().replace("\\", "\\\\")  # JSON holds no raw control character


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
                "timestamp": event.timestamp or batch.received_at,
                "timestamp_given": bool(event.timestamp),
                "received_at": batch.received_at,
                "api_key_id": batch.key_id,
                "metadata": event.metadata or {},
            }
            for n, batch, event in events
        ]
    ).decode()
