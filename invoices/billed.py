"""Say up to which instant a customer's cycles are all on issued invoices: what lies before is closed to credits."""

from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import Min

from core.periods import FOREVER
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice, InvoiceStatus
from products.models import Subscription
from products.subscribe import schedule_of


def until(customer_ids: Collection[int]) -> dict[int, datetime]:
    """Give it for each customer; FOREVER where no draft is open and no billing point is to come."""
    earliest = dict.fromkeys(customer_ids, FOREVER)
    for customer_id, instant in (*_open_drafts(customer_ids), *_points_to_come(customer_ids)):
        earliest[customer_id] = min(earliest[customer_id], instant)
    return earliest


def _open_drafts(customer_ids: Collection[int]) -> Iterator[tuple[int, datetime]]:
    drafts = Invoice.objects.filter(customer__in=customer_ids, status=InvoiceStatus.DRAFT, kind__in=KINDS_OF_POINTS)
    yield from drafts.values_list("customer").annotate(Min("period_start"))


def _points_to_come(customer_ids: Collection[int]) -> Iterator[tuple[int, datetime]]:
    subscriptions = Subscription.objects.filter(customer__in=customer_ids, next_point__isnull=False)
    for subscription in subscriptions.prefetch_related("phases"):
        yield subscription.customer_id, schedule_of(subscription).cycle(subscription.next_point or 1).start
