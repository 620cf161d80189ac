"""Do to a subscription what is asked, with what follows from it at once; or only show what would follow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction

from access.actors import Actor
from credits import renewal
from customers.models import Customer
from invoices import drafting, preview
from invoices.models import Invoice
from invoices.preview import Preview
from products.models import Subscription

Answer = TypeVar("Answer")
_AT_ONCE = timedelta(microseconds=1)


@dataclass(frozen=True)
class Done:
    """A subscription after what was asked, and the drafts that it made: the invoice of this instant, or those of a past start."""

    subscription: Subscription
    drafts: tuple[Invoice, ...]


@dataclass(frozen=True)
class Imagined:
    """What would follow. at_once: the invoice of this very instant, if there is one.  next: the one after it, as it stands."""

    subscription: Subscription
    at_once: Preview | None
    next: Preview | None


@transaction.atomic
def carry_out(ask: Callable[[], Subscription], *, actor: Actor, now: datetime) -> Done:
    """Run a verb, then give what the product grants and draft what is due. Raises what the verb raises."""
    subscription = ask()
    Customer.objects.select_for_update(no_key=True).get(id=subscription.customer_id)
    renewal.make_periods(customer_ids=[subscription.customer_id], until=now + _AT_ONCE, actor=actor, now=now)
    drafts = drafting.draft_points(subscription=subscription, now=now + _AT_ONCE, actor=actor)
    return Done(Subscription.objects.get(id=subscription.id), tuple(drafts))


def imagine(ask: Callable[[], Subscription], *, actor: Actor, now: datetime, read: Callable[[Imagined], Answer]) -> Answer:
    """Do the same within a transaction, read what would be there, and undo it: so what is shown is what will be."""
    with transaction.atomic():
        done = carry_out(ask, actor=actor, now=now)
        answer = read(_seen(done, now))
        transaction.set_rollback(True)
    return answer


def _seen(done: Done, now: datetime) -> Imagined:
    open_points = preview.of_customers([done.subscription.customer_id], now=now + _AT_ONCE)
    own = [one for key, one in open_points.items() if key.subscription_id == done.subscription.id]
    at_once = next((one for one in own if now <= one.point.plan.at <= now + _AT_ONCE), None)
    coming = next((one for one in own if one.point.plan.at > now + _AT_ONCE), None)
    return Imagined(done.subscription, at_once, coming)
