"""Move the date on which a subscription is billed next."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from msgspec.structs import replace

from access.actors import Actor
from core.errors import DomainError
from core.periods import Interval, local_date, local_midnight
from products import terms
from products.cycles import Phase
from products.models import Subscription
from products.rescheduling import locked, reschedule, running, stored_phases
from products.subscribe import FARTHEST, expiry, write_phase


class NextBillingDateInvalid(DomainError):
    code = "NEXT_BILLING_DATE_NOT_IN_FUTURE"


class NextBillingDateTooFar(DomainError):
    code = "NEXT_BILLING_DATE_TOO_FAR"


@transaction.atomic
def move_next_billing_date(
    *, subscription: Subscription, next_billing_date: datetime, actor: Actor, now: datetime
) -> Subscription:
    """End the running cycle at that date's local midnight, which is the new anchor; a change of product for then moves along.

    Raises NextBillingDateInvalid where that midnight is not in the future, NextBillingDateTooFar, SubscriptionEnded.
    """
    subscription, now = locked(subscription, now)
    _refuse_outside(next_billing_date, now)
    zone = settings.BILLING_TIME_ZONE
    anchor = local_date(next_billing_date, zone)
    starts_at = local_midnight(anchor, zone)
    if starts_at <= max(now, subscription.trial_ends_at or subscription.start_at):
        raise _not_in_future()
    stored, schedule = stored_phases(subscription)
    cycle = running(schedule, now)
    following = terms.phase_of_cycle(stored, cycle + 1)
    subscription.phases.filter(first_cycle__gt=cycle).delete()
    interval = Interval(following.interval_unit, following.interval_count)  # type: ignore[arg-type]  # the database checks it
    phase = Phase(cycle + 1, starts_at, anchor, interval, made_at=now)
    agreed = subscription.expires_at
    if following.first_cycle > cycle and following.begins_anew:
        agreed = following.former_expires_at
        phase = replace(phase, begins_anew=True, former_expires_at=agreed)
        subscription.expires_at = expiry(following.product.versions.order_by("-number")[0], phase)
    write_phase(subscription, following.product, phase, quantity=following.quantity or subscription.quantity)
    # A cancellation moves along with the date, but never beyond the end that was agreed from the beginning.
    ends_at = min(starts_at, agreed or starts_at)
    return reschedule(subscription, ends_at if subscription.cancel_at_next_billing_date else subscription.expires_at, now)


def _refuse_outside(next_billing_date: datetime, now: datetime) -> None:
    """Refuse what lies outside the time that is billed, also where the calendar has no local date for it."""
    if next_billing_date <= now:
        raise _not_in_future()
    if next_billing_date > now + FARTHEST:
        raise NextBillingDateTooFar("next_billing_date must lie within thirty years of now.", field="next_billing_date")


def _not_in_future() -> NextBillingDateInvalid:
    return NextBillingDateInvalid("next_billing_date must be a future date, after the start.", field="next_billing_date")
