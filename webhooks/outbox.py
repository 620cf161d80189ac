"""Write what happened, in the transaction in which it happened, for the endpoints that want to know; sending comes later.

What happened is told once: `cause` names it for ever, and a second telling with the same cause adds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from core.exact_json import dumps
from core.ids import public_id
from webhooks.event_types import TEST
from webhooks.models import WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened. data: what the message's `data` holds; amounts in minor units, decimals as text."""

    event_type: str
    cause: str
    data: dict[str, Any]


INSERT = """
INSERT INTO webhooks_webhookmessage (public_id, event_type, cause, payload, created_at)
SELECT public_id, event_type, cause, payload, %(now)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (public_id text, event_type text, cause text, payload jsonb)
ON CONFLICT (cause) DO NOTHING
RETURNING id, event_type
"""


def tell(happenings: Sequence[Happening], *, now: datetime) -> int:
    """Queue messages in the caller's transaction; returns how many deliveries are due. Costs one query where nobody wants to know."""
    endpoints = wanting()
    wanted = [one for one in happenings if any(_wants(endpoint, one.event_type) for endpoint in endpoints)]
    if not wanted:
        return 0
    made = _write(wanted, now=now)
    deliveries = [
        WebhookDelivery(endpoint=endpoint, message_id=message_id, next_attempt_at=now)
        for message_id, event_type in made
        for endpoint in endpoints
        if _wants(endpoint, event_type)
    ]
    return len(WebhookDelivery.objects.bulk_create(deliveries))


def tell_one(endpoint: WebhookEndpoint, *, now: datetime) -> WebhookDelivery:
    """Queue a message that tries one endpoint out."""
    happening = Happening(
        TEST, f"test:{endpoint.public_id}:{now.isoformat()}:{public_id('try')}", {"webhook_id": endpoint.public_id}
    )
    ((message_id, _event_type),) = _write([happening], now=now)
    return WebhookDelivery.objects.create(endpoint=endpoint, message_id=message_id, next_attempt_at=now)


def wanting() -> list[WebhookEndpoint]:
    """List the endpoints that are told anything at all. A disabled one is not: what happens meanwhile does not wait for it."""
    return list(WebhookEndpoint.objects.filter(disabled_at=None, deleted_at=None).only("id", "filter_types").order_by("id"))


def _wants(endpoint: WebhookEndpoint, event_type: str) -> bool:
    return not endpoint.filter_types or event_type in endpoint.filter_types


def _write(happenings: Sequence[Happening], *, now: datetime) -> list[tuple[int, str]]:
    rows = [
        {
            "public_id": public_id("msg"),
            "event_type": one.event_type,
            "cause": one.cause,
            "payload": {"type": one.event_type, "timestamp": now.isoformat(), "data": one.data},
        }
        for one in happenings
    ]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, {"now": now, "rows": dumps(rows)})
        return list(cursor.fetchall())
