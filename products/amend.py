"""Change what a subscription carries beside its terms: metadata, and what its invoices say about the buyer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from customers.models import Customer
from products.models import Subscription

CHANGEABLE = frozenset({"metadata", "street", "city", "state", "zipcode", "country", "business_name", "tax_id"})


@transaction.atomic
def amend(*, subscription: Subscription, changes: Mapping[str, Any], now: datetime) -> Subscription:
    """Change fields of CHANGEABLE; invoices issued from now on say so, those issued before do not."""
    unknown = changes.keys() - CHANGEABLE
    if unknown:
        raise TypeError(f"not a field of a subscription that may change: {sorted(unknown)}")
    Customer.objects.select_for_update(no_key=True).get(id=subscription.customer_id)
    locked = Subscription.objects.select_for_update(no_key=True).get(id=subscription.id)
    for name, changed in changes.items():
        setattr(locked, name, changed)
    locked.updated_at = now
    locked.save(update_fields=[*changes, "updated_at"])
    return locked
