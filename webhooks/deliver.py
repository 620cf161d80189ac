"""Send what is due, once at a time per message and endpoint, and try again later where it failed.

# Note [Claims]
A turn claims deliveries by setting next_attempt_at ahead by LEASE and raising attempt_count, in one statement that passes over rows that
another turn holds. It writes the outcome only while attempt_count is what it set. A worker that dies leaves its claims to come due again
when the lease ends: a message may then arrive twice, with the same webhook-id, which is what the receiver tells repetitions by.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from core.errors import DomainError
from core.exact_json import dumps
from webhooks.models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from webhooks.sending import Outcome, Parcel, send

LEASE = timedelta(minutes=4)
"""Longer than the attempts of a turn may take, five in each thread: half a minute to look a name up, then ATTEMPT_SECONDS."""
THREADS = 8
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""How long after each failure the next attempt comes; after the last one it is given up, after more than three days."""
LONGEST_ASKED = timedelta(hours=24)

CLAIM = """
WITH due AS (
    SELECT front.id, row_number() OVER (PARTITION BY endpoint.id ORDER BY front.next_attempt_at, front.id) AS place
    FROM webhooks_webhookendpoint AS endpoint CROSS JOIN LATERAL (
        SELECT id, next_attempt_at FROM webhooks_webhookdelivery
        WHERE endpoint_id = endpoint.id AND status = 'waiting' AND next_attempt_at <= %(now)s
        ORDER BY next_attempt_at, id
        LIMIT least(endpoint.rate_limit, %(each)s)
    ) AS front
    WHERE endpoint.disabled_at IS NULL AND endpoint.deleted_at IS NULL
), claimed AS (
    SELECT id FROM webhooks_webhookdelivery
    WHERE id IN (SELECT id FROM due ORDER BY place, id LIMIT %(most)s)
      AND status = 'waiting' AND next_attempt_at <= %(now)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE webhooks_webhookdelivery AS delivery SET next_attempt_at = %(until)s, attempt_count = attempt_count + 1
FROM claimed WHERE delivery.id = claimed.id
RETURNING delivery.id
"""


class DeliveryWaits(DomainError):
    """The message is on its way already."""

    code = "WEBHOOK_DELIVERY_WAITING"


def deliver(*, now: datetime, most: int = 40, each: int = 10) -> int:
    """Send what is due; returns how many attempts were made. each: the most for one endpoint, so that a slow one holds up few others.

    An endpoint's rate_limit (messages a second) bounds a turn too, and turns are at least a second apart.
    """
    parcels = _claim(now=now, most=most, each=each)
    if not parcels:
        return 0
    post = partial(send, now=now, private_addresses=settings.WEBHOOK_PRIVATE_ADDRESSES)
    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        for parcel, outcome in zip(parcels, threads.map(post, parcels), strict=True):
            _keep(parcel, outcome, now=timezone.now())
    return len(parcels)


def resend(*, delivery: WebhookDelivery, now: datetime) -> None:
    """Send a message again that arrived or was given up, with all its attempts before it. Raises DeliveryWaits."""
    changed = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(status=DeliveryStatus.WAITING)
    if not changed.update(status=DeliveryStatus.WAITING, next_attempt_at=now, attempt_count=0, delivered_at=None):
        raise DeliveryWaits("The message waits to be sent already; its next attempt is shown beside it.")


def _claim(*, now: datetime, most: int, each: int) -> Sequence[Parcel]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "until": now + LEASE, "most": most, "each": each})
        claimed = [key for (key,) in cursor.fetchall()]
    deliveries = WebhookDelivery.objects.filter(id__in=claimed).select_related("endpoint", "message").order_by("id")
    return [
        Parcel(
            delivery_id=one.pk,
            attempt=one.attempt_count,
            url=one.endpoint.url,
            secret=one.endpoint.secret,
            headers=one.endpoint.headers,
            message_id=one.message.public_id,
            body=dumps(one.message.payload),
        )
        for one in deliveries
    ]


@transaction.atomic
def _keep(parcel: Parcel, outcome: Outcome, *, now: datetime) -> None:
    """Write an attempt down and say what comes next; a claim that was lost meanwhile changes nothing more."""
    WebhookAttempt.objects.create(
        delivery_id=parcel.delivery_id,
        attempted_at=now,
        duration_ms=outcome.duration_ms,
        response_status=outcome.status,
        response_excerpt=outcome.excerpt,
        error=outcome.error,
    )
    mine = WebhookDelivery.objects.filter(id=parcel.delivery_id, status=DeliveryStatus.WAITING, attempt_count=parcel.attempt)
    if outcome.is_delivered:
        mine.update(status=DeliveryStatus.DELIVERED, delivered_at=now, next_attempt_at=None)
    elif outcome.is_gone:
        if mine.update(status=DeliveryStatus.FAILED, next_attempt_at=None):
            endpoint = WebhookEndpoint.objects.filter(webhookdelivery=parcel.delivery_id, disabled_at=None)
            endpoint.update(disabled_at=now, updated_at=now)
    elif parcel.attempt > len(DELAYS):
        mine.update(status=DeliveryStatus.FAILED, next_attempt_at=None)
    else:
        mine.update(next_attempt_at=now + _delay(parcel.attempt, outcome))


def _delay(attempt: int, outcome: Outcome) -> timedelta:
    """Wait longer each time, a little unevenly so that many do not come back at once, and at least as long as the endpoint asks."""
    planned = DELAYS[attempt - 1] * random.uniform(0.9, 1.1)  # noqa: S311 -- chance, not secrecy
    asked = timedelta(seconds=outcome.retry_after or 0)
    return max(planned, min(asked, LONGEST_ASKED))
