"""Say which billing point of a subscription comes next, and store it; the billing run moves thousands at once (invoices.drafting)."""

from datetime import datetime

from products.models import NextPoint, Subscription


def of(subscription: Subscription) -> NextPoint | None:
    """Give the first billing point that has no invoice; None where none is to come."""
    return getattr(subscription, "next_point", None)


def store(subscription: Subscription, point: int, point_at: datetime | None) -> None:
    """Store the next billing point of a new or locked subscription, and its instant; None: none is to come."""
    if point_at is None:
        NextPoint.objects.filter(subscription=subscription).delete()
        subscription.next_point = None  # forgets the row that was read
    else:
        NextPoint.objects.update_or_create(subscription=subscription, defaults={"point": point, "point_at": point_at})
