"""Write a draft for every billing point that has come, each once, however often and wherever this runs."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from django.db import connection, transaction

from access.actors import Actor
from core import database, exact_json
from core.copying import copy
from core.faults import fault
from core.sql import load
from invoices import due
from invoices.models import Invoice, InvoiceEvent, InvoiceStatus
from invoices.planning import UNBILLABLE, Plan, Planner, PointKey, kind_of
from invoices.subscribers import Subscriber
from products.models import Subscription, SubscriptionStatus
from products.subscribe import status_at

CHUNK_SUBSCRIPTIONS = 500
log = logging.getLogger(__name__)


def write_drafts(*, now: datetime, actor: Actor, waiting_only: bool = False) -> int:
    """Write the drafts of all billing points up to `now`; give their number.

    waiting_only: only of those that are in their grace or behind a draft that is held; a run issues the others without (invoices.due).
    """
    written = 0
    since = due.grace_limit(now) if waiting_only else datetime.min.replace(tzinfo=UTC)
    while (chunk := _write_chunk(now, since, actor)) is not None:
        written += chunk
        fault("billing: drafts committed")
    return written


@transaction.atomic
def draft_points(*, subscription: Subscription, now: datetime, actor: Actor) -> list[Invoice]:
    """Write the drafts of one subscription's billing points up to `now`, at once after it was made, say."""
    return _draft([(subscription.id, subscription.customer_id)], now, actor)


@transaction.atomic
def _write_chunk(now: datetime, since: datetime, actor: Actor) -> int | None:
    bound = {"now": now, "since": since, "limit": due.grace_limit(now), "count": CHUNK_SUBSCRIPTIONS}
    rows = database.read(load(__file__, "points_to_draft"), bound)
    return len(_draft(rows, now, actor)) if rows else None


def _draft(found: Sequence[tuple[int, int]], now: datetime, actor: Actor) -> list[Invoice]:
    """Lock subscriptions, each given with its customer, and write their drafts. See Note [Locks of issuing] in invoices.due."""
    due.lock_customers({customer_id for _, customer_id in found})
    ids = [subscription_id for subscription_id, _ in found]
    due.lock_subscriptions(ids)
    rows = database.read(load(__file__, "points_still_to_draft"), {"ids": database.array(ids), "now": now})
    planner = Planner([PointKey(*row) for row in rows])
    keys: list[PointKey] = []
    reached: dict[int, int] = {}
    for subscription_id, point in rows:
        points = planner.schedule(subscription_id).points(until=now, after=point - 1)
        numbers = [one.number for one in points]
        keys += [PointKey(subscription_id, number) for number in numbers]
        reached[subscription_id] = numbers[-1] + 1 if numbers else point
    drafts = copy([one for key in keys if (one := _of_point(planner, key, now))])
    copy([drafted(one, now, actor) for one in drafts])
    advance(planner, reached, now=now)
    fault("billing: drafts written")
    return list(drafts)


def makes_an_invoice(one: Plan) -> bool:
    """Whether the point makes an invoice: the end of a cycle always, the start only where something is due then."""
    return one.key.point > 0 or bool(one.fees)


def _of_point(planner: Planner, key: PointKey, now: datetime) -> Invoice | None:
    """Make the draft of a billing point, held where it cannot be planned; None where it makes no invoice."""
    try:
        needed, reason = makes_an_invoice(planner.plan(key)), ""
    except UNBILLABLE as problem:
        log.exception("point %s of subscription %s cannot be planned", key.point, key.subscription_id)
        needed, reason = True, f"{type(problem).__name__}: {problem}"
    return draft(planner, key, now, hold_reason=reason) if needed else None


def draft(planner: Planner, key: PointKey, now: datetime, *, hold_reason: str = "") -> Invoice:
    """Make the draft of a billing point, not saved; it needs no terms. hold_reason: why it is held, if it is. Raises LookupError."""
    schedule, subscriber = planner.schedule(key.subscription_id), planner.subscribers[key.subscription_id]
    period = schedule.cycle(key.point or 1)
    return Invoice(
        kind=kind_of(schedule, key.point),
        status=InvoiceStatus.DRAFT,
        customer_id=subscriber.customer_id,
        subscription_id=subscriber.id,
        point=key.point,
        point_at=period.end if key.point else period.start,
        currency=subscriber.currency,
        period_start=period.start,
        period_end=period.end,
        created_at=now,
        is_held=bool(hold_reason),
        hold_reason=hold_reason,
    )


def drafted(one: Invoice, now: datetime, actor: Actor) -> InvoiceEvent:
    """Make the event of a new draft, not saved."""
    return InvoiceEvent(invoice=one, to_status=InvoiceStatus.DRAFT, actor_kind=actor.kind, actor_id=actor.id, created_at=now)


def advance(planner: Planner, reached: Mapping[int, int], *, now: datetime) -> None:
    """Store the next points of locked subscriptions, by key, and the status that the clock has made of each."""
    instants = {key: planner.schedule_from(PointKey(key, point)).point_at(point) for key, point in reached.items()}
    to_come = {key: at for key, at in instants.items() if at is not None}
    _change("move_next_points", to_come, points=[reached[key] for key in to_come], instants=to_come.values())
    _change("end_next_points", [key for key, at in instants.items() if at is None])
    statuses = [row for row in (_status(planner.subscribers[key], now) for key in reached) if row]
    if statuses:
        with connection.cursor() as cursor:
            cursor.execute(load(__file__, "store_statuses"), {"rows": exact_json.dumps(statuses)})


def _change(statement: str, subscription_ids: Collection[int], **columns: Iterable[object]) -> None:
    """Change the next points of subscriptions, given with lists of what belongs to each."""
    if subscription_ids:
        arrays = {name: database.array(members) for name, members in columns.items()}
        with connection.cursor() as cursor:
            cursor.execute(load(__file__, statement), {"ids": database.array(subscription_ids), **arrays})


def _status(one: Subscriber, now: datetime) -> dict[str, object] | None:
    """Give the status that the clock makes of a subscription; None where it is stored already."""
    status = status_at(one, now)
    ends_now = status == SubscriptionStatus.CANCELLED and one.cancelled_at is None
    if status == one.status and not ends_now:
        return None
    return {"id": one.id, "status": status, "cancelled_at": one.ends_at if ends_now else one.cancelled_at}
