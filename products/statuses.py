"""Find subscriptions by the status that the clock makes of them; products.subscribe.status_at gives the same of one row."""

from datetime import datetime

from django.db.models import Q, QuerySet

from products.models import Subscription, SubscriptionStatus


def of_status(subscriptions: QuerySet[Subscription], status: str, *, now: datetime) -> QuerySet[Subscription]:
    """Keep the subscriptions whose status at `now` is `status`; none for a word that no subscription ever has."""
    ended = Q(ends_at__isnull=False, ends_at__lte=now)
    asked = Q(cancel_at_next_billing_date=True) | Q(cancelled_at__isnull=False)
    begun = Q(start_at__lte=now)
    conditions = {
        SubscriptionStatus.CANCELLED: (ended & asked) | (~ended & Q(status=SubscriptionStatus.CANCELLED)),
        SubscriptionStatus.EXPIRED: (ended & ~asked) | (~ended & Q(status=SubscriptionStatus.EXPIRED)),
        SubscriptionStatus.PENDING: ~ended & Q(status=SubscriptionStatus.PENDING) & ~begun,
        SubscriptionStatus.ACTIVE: ~ended
        & (Q(status=SubscriptionStatus.ACTIVE) | (Q(status=SubscriptionStatus.PENDING) & begun)),
        SubscriptionStatus.PAUSED: ~ended & Q(status=SubscriptionStatus.PAUSED),
    }
    return (
        subscriptions.filter(conditions[SubscriptionStatus(status)])
        if status in SubscriptionStatus.values
        else subscriptions.none()
    )
