"""Bill late usage of subscriptions that have ended: one adjustment invoice each at the end of a calendar month."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from msgspec.structs import replace

from access.actors import Actor
from core.faults import fault
from core.periods import Period, local_date, local_midnight
from credits import balances
from invoices import adjustments, closed, inputs, issue, late, line_events
from invoices.adjustments import Carried, Taken
from invoices.assemble import InvoiceDraft, InvoiceInputs, invoice
from invoices.due import lock_customers
from invoices.inputs import UNBILLABLE, Point, PointKey
from invoices.late_models import LateUsage
from invoices.models import Invoice, InvoiceEvent, InvoiceKind, InvoiceStatus, Seller
from invoices.rows import Assembled, Due
from meters import behind
from meters.behind import Asked
from meters.meter_sql import Snapshot
from products.models import Subscription


def issue_ended(*, now: datetime, actor: Actor) -> int:
    """Issue the adjustment invoices of the month that ended last, once its grace is over; give their number.

    One that would come to nothing is not made: its late usage waits for the end of the next month.
    """
    month = ended_month(now)
    _date_found(now)
    waiting = _due(month).values_list("subscription", flat=True).order_by("subscription").distinct()
    issued = 0
    for subscription_id in list(waiting):
        issued += _issue_one(subscription_id, month, now, actor)
        fault("billing: adjustment invoice committed")
    return issued


def ended_month(now: datetime) -> Period:
    """Give the last calendar month of the billing zone that ended before now less the grace."""
    zone = settings.BILLING_TIME_ZONE
    today = local_date(now - timedelta(minutes=settings.INVOICE_GRACE_MINUTES), zone)
    first = today.replace(day=1)
    before = date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)
    return Period(local_midnight(before, zone), local_midnight(first, zone))


def _ended() -> Q:
    """Match late usage whose subscription has no invoice to come that could take it up."""
    draft = Invoice.objects.filter(subscription=OuterRef("subscription"), status=InvoiceStatus.DRAFT)
    return Q(~Exists(draft)) & Q(~Exists(Subscription.objects.filter(id=OuterRef("subscription"), next_point__isnull=False)))


def _due(month: Period) -> QuerySet[LateUsage]:
    made = Invoice.objects.filter(subscription=OuterRef("subscription"), kind=InvoiceKind.ADJUSTMENT, period_start=month.start)
    return late.to_bill().filter(_ended(), ~Exists(made), found_at__lt=month.end)


def _date_found(now: datetime) -> None:
    """Date what was found just now by when the first of it came: a search that runs late must not put it into the next month."""
    rows = list(LateUsage.objects.filter(_ended(), found_at=now))
    found = closed.read([late.slot(row) for row in rows])
    for row in rows:
        one = found.get(late.slot(row))
        if one is None:
            continue
        since = line_events.of(one.latest_snapshot)
        asked = Asked(one.definition, one.line.invoice.customer_id, one.whole, at=None, since=since)
        came = min((event.changed_at for event in behind.events(asked)), default=now)
        LateUsage.objects.filter(id=row.id, found_at=now).update(found_at=min(came, now))


@transaction.atomic
def _issue_one(subscription_id: int, month: Period, now: datetime, actor: Actor) -> int:
    """Issue one subscription's adjustment invoice; 0 where it would come to nothing. See Note [Locks of issuing]."""
    late.lock()
    rows = list(_due(month).filter(subscription=subscription_id))
    if not rows:
        return 0
    lock_customers([rows[0].customer_id])
    taken = adjustments.take([subscription_id])
    carried = taken.by_subscription.get(subscription_id, adjustments.NOTHING)
    try:
        point, made = _assembled(subscription_id, rows, month, carried)
    except UNBILLABLE:
        issue.log.exception("the adjustment invoice of subscription %s cannot be made", subscription_id)
        return 0
    if not (made.subtotal or carried.moves):
        LateUsage.objects.filter(id__in=[row.id for row in rows]).update(found_at=month.end)
        return 0
    draft = _draft(point, now, actor)
    read = inputs.Read({}, {}, Seller.objects.get(), _snapshot(taken), {})
    due = Due(draft.id, draft.public_id, subscription_id, draft.customer_id, draft.point, 0, draft.point_at, is_new=False)
    ready = Assembled(due, point, made, carried)
    issue.write(issue.Chunk((ready,), (), {}, True, read, inputs.Planner([]), taken), now, actor)
    return 1


def _assembled(subscription_id: int, rows: Sequence[LateUsage], month: Period, carried: Carried) -> tuple[Point, InvoiceDraft]:
    latest = max(
        Invoice.objects.filter(subscription=subscription_id, kind__in=inputs.KINDS_OF_POINTS).values_list("point", flat=True)
    )
    (plan,) = inputs.plan([PointKey(subscription_id, latest)])
    plan = replace(plan, kind=InvoiceKind.ADJUSTMENT, at=month.end, period=month, used=None, fees=())
    own = InvoiceInputs(currency=rows[0].subscription.currency, period=month)
    point = Point(plan, own, {})
    held = balances.held(customer_ids=[rows[0].customer_id], within=month)
    return point, issue.storable(invoice(inputs=carried.joined(point.with_credits(held))))


def _draft(point: Point, now: datetime, actor: Actor) -> Invoice:
    plan = point.plan
    draft = Invoice.objects.create(
        kind=InvoiceKind.ADJUSTMENT,
        status=InvoiceStatus.DRAFT,
        customer_id=point.customer_id,
        subscription_id=plan.key.subscription_id,
        point=plan.key.point,
        point_at=plan.at,
        currency=point.inputs.currency,
        period_start=plan.period.start,
        period_end=plan.period.end,
        created_at=now,
    )
    InvoiceEvent.objects.create(
        invoice=draft, to_status=InvoiceStatus.DRAFT, actor_kind=actor.kind, actor_id=actor.id, created_at=now
    )
    return draft


def _snapshot(taken: Taken) -> Snapshot:
    if taken.snapshot is None:
        raise AssertionError("what is carried was counted")
    return taken.snapshot
