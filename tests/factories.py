"""Make what tests need in the database, with as little said as possible."""

import hashlib
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.exact_json import dumps
from core.models import Deployment
from customers.models import Customer
from events.models import Event
from meters import define
from meters.models import Meter

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def customer(name: str = "", **fields: Any) -> Customer:
    """Make a customer."""
    number = next(_numbers)
    return Customer.objects.create(
        **{
            "name": name or f"Customer {number}",
            "email": f"c{number}@example.com",
            "created_at": NOW,
            "updated_at": NOW,
            **fields,
        }
    )


def meter(aggregation: str = "count", over_property: str | None = None, **fields: Any) -> Meter:
    """Make a meter over events named `tokens`."""
    given = {"name": "Tokens", "event_name": "tokens", "measurement_unit": "token", "now": NOW, **fields}
    return define.create(aggregation=aggregation, over_property=over_property, **given)


INSERT_NAME = "INSERT INTO events_eventname (name, first_received_at) VALUES (%s, now()) ON CONFLICT DO NOTHING"
INSERT_EVENT = """
INSERT INTO events_event (key, event_id, customer_id, event_name_id, timestamp, timestamp_given, received_at, metadata)
SELECT %s, %s, %s, id, %s, true, now(), %s::jsonb FROM events_eventname WHERE name = %s
ON CONFLICT DO NOTHING
"""


def billing_zone(name: str, settings: Any) -> None:
    """Make another zone the deployment's, before anything was counted by the days of its own."""
    settings.BILLING_TIME_ZONE = name
    Deployment.objects.update(billing_time_zone=name)


def log(
    customer: Customer | int,
    timestamp: datetime,
    metadata: Mapping[str, Any] | None = None,
    *,
    name: str = "tokens",
    event_id: str | None = None,
    cursor: Any = None,
) -> str:
    """Write one event to the log as plain SQL, past ingest; the same event_id again is ignored. cursor: of another connection."""
    event_id = event_id or f"evt-{next(_numbers)}"
    customer_id = customer if isinstance(customer, int) else customer.id
    cursor = cursor or connection.cursor()
    cursor.execute(INSERT_NAME, [name])
    cursor.execute(INSERT_EVENT, [key(event_id), event_id, customer_id, timestamp, dumps(metadata or {}), name])
    return event_id


def key(event_id: str) -> UUID:
    """Give the primary key that an event_id has."""
    return UUID(bytes=hashlib.blake2b(event_id.encode(), digest_size=16).digest())


def event(event_id: str) -> Event:
    """Read an event by its event_id."""
    return Event.objects.select_related("event_name").get(key=key(event_id))
