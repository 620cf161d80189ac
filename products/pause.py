"""Suspend a subscription's fee and take it up again; its cycles turn all the while, and usage sent meanwhile is billed at their ends."""

from datetime import datetime

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from access.actors import Actor
from core.errors import DomainError
from products.models import Subscription, SubscriptionPause, SubscriptionStatus
from products.rescheduling import MICROSECOND, locked
from products.subscribe import status_at


class SubscriptionNotActive(DomainError):
    code = "SUBSCRIPTION_NOT_ACTIVE"


class SubscriptionNotPaused(DomainError):
    code = "SUBSCRIPTION_NOT_PAUSED"


@transaction.atomic
def pause(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Suspend the fee of the cycles that begin from now on. Raises SubscriptionNotActive, SubscriptionEnded."""
    subscription, now = locked(subscription, now)
    if status_at(subscription, now) != SubscriptionStatus.ACTIVE:
        raise SubscriptionNotActive(
            f"Subscription {subscription.public_id} is {subscription.status}; only an active one is paused."
        )
    SubscriptionPause.objects.create(subscription=subscription, during=DateTimeTZRange(now, None))
    return _stored(subscription, SubscriptionStatus.PAUSED, now)


@transaction.atomic
def resume(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """End the pause; where the running cycle began in it, the rest of its fee is due at its end.

    Raises SubscriptionNotPaused, SubscriptionEnded.
    """
    subscription, now = locked(subscription, now)
    if subscription.status != SubscriptionStatus.PAUSED:
        raise SubscriptionNotPaused(f"Subscription {subscription.public_id} is {status_at(subscription, now)}, not paused.")
    last = subscription.pauses.get(during__endswith=None)
    # Half-open and never empty: a pause that is ended within the same microsecond lasted that long.
    last.during = DateTimeTZRange(last.during.lower, max(now, last.during.lower + MICROSECOND))
    last.save(update_fields=["during"])
    return _stored(subscription, SubscriptionStatus.ACTIVE, now)


def _stored(subscription: Subscription, status: str, now: datetime) -> Subscription:
    subscription.status = status
    subscription.updated_at = now
    subscription.save(update_fields=["status", "updated_at"])
    return subscription
