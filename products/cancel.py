"""End subscriptions, now or with the running cycle, and take the latter back."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from access.actors import Actor
from products.models import Subscription, SubscriptionStatus
from products.rescheduling import locked, reschedule, running_end, within_cycle
from products.subscribe import schedule_of


@dataclass(frozen=True)
class Cancellation:
    """Why a subscription ends, in the words of the wire contract."""

    reason: str = ""
    comment: str = ""
    feedback: str = ""


@transaction.atomic
def cancel_now(
    *, subscription: Subscription, why: Cancellation, actor: Actor, now: datetime, prorate: bool = False
) -> Subscription:
    """End a subscription at this instant; its last cycle is cut there.

    prorate: give back what is left of the fee that was paid in advance. Raises SubscriptionEnded.
    """
    subscription, now = locked(subscription, now)
    subscription.cancelled_at = now
    subscription.cancel_at_next_billing_date = False
    subscription.credits_fee_at_end = prorate
    subscription.status = SubscriptionStatus.CANCELLED
    _note(subscription, why)
    return reschedule(subscription, _cut(subscription, now), now)


@transaction.atomic
def cancel_at_next_billing_date(*, subscription: Subscription, why: Cancellation, actor: Actor, now: datetime) -> Subscription:
    """End a subscription with the running cycle; one that has not begun ends as it begins. Raises SubscriptionEnded."""
    subscription, now = locked(subscription, now)
    subscription.cancel_at_next_billing_date = True
    _note(subscription, why)
    return reschedule(subscription, running_end(schedule_of(subscription), now), now)


@transaction.atomic
def keep(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Take back a cancellation at the next billing date. Raises SubscriptionEnded, MeterAlreadySubscribed."""
    subscription, now = locked(subscription, now)
    subscription.cancel_at_next_billing_date = False
    _note(subscription, Cancellation())
    return reschedule(subscription, subscription.expires_at, now)


def _cut(subscription: Subscription, now: datetime) -> datetime:
    """Give the end: of a subscription that has not begun its start; of a cycle, which may have a draft already, an instant within it."""
    schedule = schedule_of(subscription)
    if now < schedule.starts_at:
        return max(now, subscription.start_at)
    return within_cycle(schedule, schedule.cycle_at(now), now)


def _note(subscription: Subscription, why: Cancellation) -> None:
    subscription.cancel_reason = why.reason
    subscription.cancellation_comment = why.comment
    subscription.cancellation_feedback = why.feedback
