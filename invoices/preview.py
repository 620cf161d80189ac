"""Compute what is not issued yet: drafts, running cycles, what credits will be left. Writes nothing but estimates.

A customer's open points are computed together, in the order in which they will be issued, each with the credits that the ones
before it leave, so that a preview equals the invoice that follows if nothing more happens.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F

from credits import balances
from credits.balances import Held
from credits.burndown import Draw
from invoices import inputs
from invoices.assemble import InvoiceDraft, invoice
from invoices.inputs import Point, PointKey
from invoices.models import Invoice, InvoiceStatus
from products.models import Subscription
from products.subscribe import schedule_of


@dataclass(frozen=True)
class Preview:
    """One open billing point as it would be invoiced now. holdings: what the customer has left after it."""

    point: Point
    made: InvoiceDraft
    holdings: tuple[Held, ...]


def of_customers(customer_ids: Collection[int], *, now: datetime) -> Mapping[PointKey, Preview]:
    """Compute every open point of the customers: their drafts, points that have come, and the cycles that run at `now`."""
    keys = _open_points(customer_ids, now)
    if not keys:
        return {}
    read = inputs.read(keys=keys, hold=lambda ids, within: balances.foreseen(customer_ids=ids, within=within))
    for problem in read.problems.values():
        raise problem
    ordered = sorted(read.points.values(), key=lambda one: (one.plan.at, one.key.subscription_id))
    holdings = dict(read.holdings)
    found: dict[PointKey, Preview] = {}
    for point in ordered:
        made = invoice(inputs=point.with_credits(holdings[point.customer_id]))
        holdings[point.customer_id] = balances.less(holdings[point.customer_id], _draws(made, point))
        found[point.key] = Preview(point, made, holdings[point.customer_id])
    return found


def of_draft(draft: Invoice, *, now: datetime) -> Preview:
    """Compute a draft with all its lines, as its page, its API answer and its PDF show it."""
    return of_customers([draft.customer_id], now=now)[PointKey(draft.subscription_id, draft.point)]


def running(subscription: Subscription, *, now: datetime) -> Preview | None:
    """Compute the cycle that runs at `now`; None before the first and after the end."""
    schedule = schedule_of(subscription)
    if now < schedule.starts_at or (schedule.ends_at is not None and now >= schedule.ends_at):
        return None
    return of_customers([subscription.customer_id], now=now)[PointKey(subscription.id, schedule.cycle_at(now))]


def left(customer_id: int, *, now: datetime) -> tuple[Held, ...]:
    """Give what a customer's grants hold after the live burn of everything that is not issued yet."""
    found = of_customers([customer_id], now=now)
    if found:
        return list(found.values())[-1].holdings
    return balances.held(customer_ids=[customer_id], within=balances.at(now))


def refresh_estimates(*, now: datetime, limit: int = 1000) -> int:
    """Store the total of the drafts whose estimate is the oldest; give their number."""
    drafts = list(
        Invoice.objects.filter(status=InvoiceStatus.DRAFT).order_by(F("estimated_at").asc(nulls_first=True), "id")[:limit]
    )
    found = of_customers({draft.customer_id for draft in drafts}, now=now)
    for draft in drafts:
        preview = found[PointKey(draft.subscription_id, draft.point)]
        draft.estimate_total, draft.estimated_at = preview.made.total, now
    Invoice.objects.bulk_update(drafts, ["estimate_total", "estimated_at"])
    return len(drafts)


def _open_points(customer_ids: Collection[int], now: datetime) -> list[PointKey]:
    drafts = Invoice.objects.filter(customer__in=customer_ids, status=InvoiceStatus.DRAFT, kind__in=inputs.KINDS_OF_POINTS)
    keys = [PointKey(*pair) for pair in drafts.values_list("subscription", "point")]
    subscriptions = Subscription.objects.filter(customer__in=customer_ids, next_point__isnull=False, start_at__lte=now)
    for subscription in subscriptions.prefetch_related("phases"):
        keys += _undrafted(subscription, now)
    return list(dict.fromkeys(keys))


def _undrafted(subscription: Subscription, now: datetime) -> Iterable[PointKey]:
    """Yield the points without a draft whose cycle has begun, the opening one only once it has come and bills something."""
    schedule = schedule_of(subscription)
    n = subscription.next_point or 0
    if n == 0:
        n = 1
        if schedule.starts_at <= now and inputs.plan([PointKey(subscription.id, 0)])[0].fees:
            yield PointKey(subscription.id, 0)
    while schedule.has_cycle(n) and schedule.cycle(n).start <= now:
        yield PointKey(subscription.id, n)
        n += 1


def _draws(made: InvoiceDraft, point: Point) -> Iterable[Draw]:
    for line in made.lines:
        yield from line.waterfall.draws if line.waterfall else ()
    for credit in made.credits:
        yield Draw(credit.grant_period_id, credit.grant_id, Decimal(credit.amount), point.plan.period)
