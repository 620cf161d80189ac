"""Bill late usage of subscriptions that have ended: one adjustment invoice each at the end of a calendar month."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from msgspec.structs import replace

from access.actors import Actor
from core.collecting import uncollected
from core.copying import keys
from core.deployment import billing_zone
from core.faults import fault
from core.ids import public_ids
from core.periods import Period
from credits import balances
from credits.balances import Held
from invoices import adjustments, inputs, issue, late
from invoices.adjustments import NOTHING, Taken
from invoices.assemble import InvoiceInputs, invoice
from invoices.due import lock_customers
from invoices.inputs import Point
from invoices.late_models import LateUsage
from invoices.models import Invoice, InvoiceKind, InvoiceStatus, Seller
from invoices.planning import UNBILLABLE, Planner, PointKey
from invoices.rows import Assembled, Due
from meters.meter_sql import Snapshot
from products.models import Subscription
from products.zones import date_at, midnight_of

CHUNK_SUBSCRIPTIONS = 250


def issue_ended(*, now: datetime, actor: Actor) -> int:
    """Issue the adjustment invoices of the month that ended last, once its grace is over; give their number.

    One that would come to nothing is not made: its late usage waits for the end of the next month.
    """
    month = ended_month(now)
    issued = 0
    for chunk in _chunks(_due(month).values_list("subscription", "customer").order_by("subscription").distinct()):
        issued += _issue_chunk(chunk, month, now, actor)
        fault("billing: adjustment invoices committed")
    return issued


def ended_month(now: datetime) -> Period:
    """Give the last calendar month that ended before now less the grace, in the billing zone of then."""
    zone = billing_zone()
    today = date_at(now - timedelta(minutes=settings.INVOICE_GRACE_MINUTES), zone)
    first = today.replace(day=1)
    before = date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)
    return Period(midnight_of(before, zone), midnight_of(first, zone))


def _due(month: Period) -> QuerySet[LateUsage]:
    made = Invoice.objects.filter(subscription=OuterRef("subscription"), kind=InvoiceKind.ADJUSTMENT, period_start=month.start)
    return late.to_bill().filter(_ended(), ~Exists(made), found_at__lt=month.end)


def _ended() -> Q:
    """Match late usage whose subscription has no invoice to come that could take it up."""
    draft = Invoice.objects.filter(subscription=OuterRef("subscription"), status=InvoiceStatus.DRAFT)
    return Q(~Exists(draft)) & Q(~Exists(Subscription.objects.filter(id=OuterRef("subscription"), next_point__isnull=False)))


def _chunks(waiting: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Cut (subscription, customer), in order, where a customer comes again, who has then what the first invoice left."""
    chunk: dict[int, int] = {}
    for subscription_id, customer_id in waiting:
        if customer_id in chunk or len(chunk) == CHUNK_SUBSCRIPTIONS:
            yield list(chunk.values())
            chunk = {}
        chunk[customer_id] = subscription_id
    if chunk:
        yield list(chunk.values())


@uncollected()
@transaction.atomic
def _issue_chunk(subscription_ids: Sequence[int], month: Period, now: datetime, actor: Actor) -> int:
    """Issue some adjustment invoices, in order of subscription, but for those over nothing. See Note [Locks of issuing]."""
    late.lock()
    rows = list(_due(month).filter(subscription__in=subscription_ids))
    if not rows:
        return 0
    lock_customers({row.customer_id for row in rows})
    taken = adjustments.take({row.subscription_id for row in rows})
    made = list(_assembled(rows, month, taken))
    # Late usage that comes to nothing, in money and units, waits for what the next month brings.
    needed = [one for one in made if one.made.subtotal or one.carried.moves]
    idle = {one.due.subscription_id for one in made} - {one.due.subscription_id for one in needed}
    LateUsage.objects.filter(id__in=[row.id for row in rows if row.subscription_id in idle]).update(found_at=month.end)
    if needed:
        read = inputs.Read({}, {}, Seller.objects.get(), _snapshot(taken), {})
        issue.write(issue.Chunk(tuple(_with_keys(needed)), (), {}, True, read, Planner([]), taken), now, actor)
    return len(needed)


def _assembled(rows: Sequence[LateUsage], month: Period, taken: Taken) -> Iterator[Assembled]:
    """Assemble the adjustment invoices of a month, those whose figures can be made; they have no keys yet."""
    held: dict[int, list[Held]] = {}
    for one in balances.held(customer_ids={row.customer_id for row in rows}, within=month):
        held.setdefault(one.grant.customer_id, []).append(one)
    latest = _latest_points({row.subscription_id for row in rows})
    planner = Planner(latest)
    for key in latest:
        carried = taken.by_subscription.get(key.subscription_id, NOTHING)
        try:
            point = _point(planner, key, month)
            made = issue.storable(invoice(inputs=carried.joined(point.with_credits(held.get(point.customer_id, ())))))
        except UNBILLABLE:
            issue.log.exception("the adjustment invoice of subscription %s cannot be made", key.subscription_id)
            continue
        due = Due(0, "", key.subscription_id, point.customer_id, key.point, 0, month.end, is_new=True)
        yield Assembled(due, point, made, carried)


def _latest_points(subscription_ids: Iterable[int]) -> list[PointKey]:
    """Give the last billing point of each subscription that has an invoice, in order."""
    of_points = Invoice.objects.filter(subscription__in=subscription_ids, kind__in=inputs.KINDS_OF_POINTS)
    latest = of_points.values("subscription").annotate(latest=Max("point")).order_by("subscription")
    return [PointKey(*row) for row in latest.values_list("subscription", "latest")]


def _point(planner: Planner, key: PointKey, month: Period) -> Point:
    """Give the point as one of the month's end, without usage and fees of its own. Raises UNBILLABLE."""
    plan = replace(planner.plan(key), kind=InvoiceKind.ADJUSTMENT, at=month.end, period=month, used=None, fees=())
    return Point(plan, InvoiceInputs(currency=plan.subscriber.currency, period=month), {})


def _with_keys(needed: Sequence[Assembled]) -> Iterator[Assembled]:
    fresh = zip(keys("invoices_invoice", len(needed)), public_ids("inv", len(needed)), strict=True)
    for one, (key, public_id) in zip(needed, fresh, strict=True):
        yield replace(one, due=replace(one.due, id=key, public_id=public_id))


def _snapshot(taken: Taken) -> Snapshot:
    if taken.snapshot is None:
        raise AssertionError("what is carried was counted")
    return taken.snapshot
