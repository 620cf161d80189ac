"""Keys, customers and bodies for tests that ingest."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from access import keys
from access.actors import COMMAND
from access.models import ApiKey
from customers.models import Customer
from events.ingest import RequestRefused, ingest
from events.models import RefusedRequest
from events.store import IngestResult

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def make_key(scope: str = "ingest") -> tuple[ApiKey, str]:
    return keys.create(name=f"{scope} key", scope=scope, actor=COMMAND, now=NOW)


def make_customer(name: str = "Ada", **fields: Any) -> Customer:
    return Customer.objects.create(name=name, email="ada@example.com", created_at=NOW, updated_at=NOW, **fields)


def event(event_id: str, customer: Customer | str, **fields: Any) -> dict[str, Any]:
    reference = customer if isinstance(customer, str) else customer.public_id
    return {"event_id": event_id, "customer_id": reference, "event_name": "api.call"} | fields


def body(*events: Any) -> bytes:
    return json.dumps({"events": events}).encode()


def send(key: ApiKey, *events: Any, received_at: datetime = NOW, **options: Any) -> IngestResult:
    return ingest(body=body(*events), key_id=key.id, received_at=received_at, **options)


def refuse(key: ApiKey, *events: Any, raw: bytes | None = None, lenient: bool = False, at: datetime = NOW) -> RefusedRequest:
    """Send what is refused, in whole or, if lenient, in part; return what is kept of it."""
    with suppress(RequestRefused):
        ingest(body=raw or body(*events), key_id=key.id, received_at=at, lenient=lenient)
    return RefusedRequest.objects.latest("id")


def hours_ago(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).isoformat()
