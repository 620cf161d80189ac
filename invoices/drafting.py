"""Write a draft for every billing point that has come, each once, however often and wherever this runs."""

from datetime import datetime

from django.db import connection, transaction

from access.actors import Actor
from core import exact_json
from core.copying import copy
from core.faults import fault
from core.sql import load
from invoices.inputs import Plan, PointKey, plan
from invoices.models import Invoice, InvoiceEvent, InvoiceStatus
from products.models import Subscription, SubscriptionStatus
from products.subscribe import schedule_of, status_at

CHUNK_SUBSCRIPTIONS = 500


def write_drafts(*, now: datetime, actor: Actor) -> int:
    """Write the drafts of all billing points up to `now`; give their number.

    It returns only when no point up to `now` lacks its draft, waiting for another run where that one is about to write it: numbers
    follow the order of all drafts, so none may come later.
    """
    written = 0
    while (chunk := _write_chunk(now, actor)) is not None:
        written += chunk
        fault("billing: drafts committed")
    return written


@transaction.atomic
def draft_points(*, subscription: Subscription, now: datetime, actor: Actor) -> list[Invoice]:
    """Write the drafts of one subscription's billing points up to `now`, at once after it was made, say."""
    locked = list(Subscription.objects.select_for_update(no_key=True).filter(id=subscription.id, next_point_at__lte=now))
    return _draft(locked, now, actor)


@transaction.atomic
def _write_chunk(now: datetime, actor: Actor) -> int | None:
    due = Subscription.objects.filter(next_point_at__lte=now).order_by("next_point_at", "id").prefetch_related("phases")
    subscriptions = list(due.select_for_update(no_key=True)[:CHUNK_SUBSCRIPTIONS])
    if not subscriptions:
        # Rows that another run held when the statement began may have been passed over because they are done by now.
        return 0 if due.exists() else None
    return len(_draft(subscriptions, now, actor))


def _draft(subscriptions: list[Subscription], now: datetime, actor: Actor) -> list[Invoice]:
    keys = []
    for subscription in subscriptions:
        schedule = schedule_of(subscription)
        after = (subscription.next_point or 0) - 1
        numbers = [point.number for point in schedule.points(until=now, after=after)]
        keys += [PointKey(subscription.id, number) for number in numbers]
        following = numbers[-1] + 1 if numbers else subscription.next_point
        subscription.next_point_at = None if following is None else schedule.point_at(following)
        subscription.next_point = None if subscription.next_point_at is None else following
    drafts = copy([_invoice(one, now) for one in plan(keys) if _makes_an_invoice(one)])
    copy([_drafted(draft, now, actor) for draft in drafts])
    _advance(subscriptions, now)
    fault("billing: drafts written")
    return list(drafts)


def _makes_an_invoice(one: Plan) -> bool:
    """Whether the point makes an invoice: the end of a cycle always, the start only where something is due then."""
    return one.key.point > 0 or bool(one.fees)


def _invoice(one: Plan, now: datetime) -> Invoice:
    return Invoice(
        kind=one.kind,
        status=InvoiceStatus.DRAFT,
        customer_id=one.subscription.customer_id,
        subscription_id=one.subscription.id,
        point=one.key.point,
        point_at=one.at,
        currency=one.subscription.currency,
        period_start=one.period.start,
        period_end=one.period.end,
        created_at=now,
    )


def _drafted(draft: Invoice, now: datetime, actor: Actor) -> InvoiceEvent:
    return InvoiceEvent(invoice=draft, to_status=InvoiceStatus.DRAFT, actor_kind=actor.kind, actor_id=actor.id, created_at=now)


def _advance(subscriptions: list[Subscription], now: datetime) -> None:
    """Store the next points, and the status that the clock has made of each subscription."""
    rows = []
    for one in subscriptions:
        status = status_at(one, now)
        cancelled_at = one.ends_at if status == SubscriptionStatus.CANCELLED and one.cancelled_at is None else one.cancelled_at
        rows.append(
            {
                "id": one.id,
                "next_point": one.next_point,
                "next_point_at": one.next_point_at,
                "status": status,
                "cancelled_at": cancelled_at,
            }
        )
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "advance_subscriptions"), {"rows": exact_json.dumps(rows)})
