"""Compute what is not issued yet: drafts, running cycles, what credits will be left. Writes nothing but estimates.

A customer's open points are computed together, in the order in which they will be issued, each with the credits that the ones
before it leave, so that a preview equals the invoice that follows if nothing more happens.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet

from core.deployment import billing_zone
from core.errors import DomainError
from credits import balances
from credits.balances import Held
from credits.burndown import Draw
from credits.models import CreditGrant
from credits.product_grants import customers_granted
from invoices import adjustments, inputs, planning
from invoices.assemble import InvoiceDraft, invoice
from invoices.inputs import Point
from invoices.issue import storable
from invoices.models import Invoice, InvoiceStatus
from invoices.planning import PointKey
from products import terms
from products.models import Subscription
from products.subscribe import schedule_of
from products.terms import Schedules


@dataclass(frozen=True)
class Preview:
    """One open billing point as it would be invoiced now. holdings: what the customer has left after it."""

    point: Point
    made: InvoiceDraft
    holdings: tuple[Held, ...]


@dataclass(frozen=True)
class Refreshed:
    """A draft with its estimate as of now, and what it was made from; or why its figures cannot be made.

    is_stored: False where it was issued meanwhile, or is being issued.
    """

    draft: Invoice
    preview: Preview | None
    problem: str
    is_stored: bool


class DraftNotComputable(DomainError):
    """What a draft bills is gone, or comes to figures that nothing can hold."""

    code = "DRAFT_NOT_COMPUTABLE"


@dataclass(frozen=True)
class _Computed:
    """Open points with their figures, in the order of issue, and those without with the reason."""

    found: Mapping[PointKey, Preview]
    problems: Mapping[PointKey, Exception]


def of_customers(customer_ids: Collection[int], *, now: datetime) -> Mapping[PointKey, Preview]:
    """Compute every open point of the customers: their drafts, points that have come, and the cycles that run at `now`.

    A point whose figures cannot be made is left out; the billing run holds its draft with the reason.
    """
    return _computed(customer_ids, _open_points(customer_ids, now), now).found


def of_draft(draft: Invoice, *, now: datetime) -> Preview:
    """Compute a draft with all its lines, as its page, its API answer and its PDF show it. Raises DraftNotComputable."""
    computed = _computed([draft.customer_id], _points_before(draft, now), now)
    key = PointKey(draft.subscription_id, draft.point)
    if key not in computed.found:
        problem = computed.problems.get(key)
        raise DraftNotComputable(f"The figures of {draft.public_id} cannot be made: {_reason(problem).rstrip('.')}.") from problem
    return computed.found[key]


def running(subscription: Subscription, *, now: datetime) -> Preview | None:
    """Compute the cycle that runs at `now`; None before the first and after the end, and where its figures cannot be made."""
    schedule = schedule_of(subscription)
    if now < schedule.starts_at or (schedule.ends_at is not None and now >= schedule.ends_at):
        return None
    return of_customers([subscription.customer_id], now=now).get(PointKey(subscription.id, schedule.cycle_at(now)))


def left(customer_id: int, *, now: datetime) -> tuple[Held, ...]:
    """Give what a customer's grants hold after the live burn of everything that is not issued yet."""
    found = of_customers([customer_id], now=now)
    if found:
        return list(found.values())[-1].holdings
    return balances.held(customer_ids=[customer_id], within=balances.at(now))


def refresh(drafts: Collection[Invoice], *, now: datetime) -> list[Refreshed]:
    """Compute drafts and store their estimates, on the objects given too."""
    customer_ids = {draft.customer_id for draft in drafts}
    computed = _computed(customer_ids, _open_points(customer_ids, now), now)
    keys = {draft.pk: PointKey(draft.subscription_id, draft.point) for draft in drafts}
    for draft in drafts:
        found = computed.found.get(keys[draft.pk])
        draft.estimate_total, draft.estimated_at = found.made.total if found else None, now
    stored = _store_estimates(drafts)

    def refreshed(draft: Invoice) -> Refreshed:
        found = computed.found.get(keys[draft.pk])
        problem = "" if found else _reason(computed.problems.get(keys[draft.pk]))
        return Refreshed(draft, found, problem, draft.pk in stored)

    return [refreshed(draft) for draft in drafts]


def _reason(problem: Exception | None) -> str:
    return f"{type(problem).__name__}: {problem}" if problem else "it is a draft no more"


@transaction.atomic
def _store_estimates(drafts: Collection[Invoice]) -> set[int]:
    # What was issued meanwhile is frozen, and what is being issued gets its total there.
    rows = Invoice.objects.select_for_update(no_key=True, skip_locked=True).filter(status=InvoiceStatus.DRAFT)
    still = set(rows.filter(id__in=[draft.id for draft in drafts]).values_list("id", flat=True))
    kept = [draft for draft in drafts if draft.id in still]
    Invoice.objects.bulk_update(kept, ["estimate_total", "estimated_at"])
    return still


def _computed(customer_ids: Collection[int], keys: Sequence[PointKey], now: datetime) -> _Computed:
    if not keys:
        return _Computed({}, {})
    read = inputs.read(keys=keys, hold=lambda ids, within: balances.foreseen(customer_ids=ids, within=within))
    problems = dict(read.problems)
    holdings = dict(read.holdings)
    to_carry = dict(adjustments.foreseen(customer_ids).by_subscription)
    found: dict[PointKey, Preview] = {}
    for point in sorted(read.points.values(), key=lambda one: (one.plan.at, one.key.subscription_id)):
        try:
            carried = to_carry.pop(point.key.subscription_id, adjustments.NOTHING)
            own = carried.left(holdings[point.customer_id])
            made = storable(invoice(inputs=carried.joined(point.with_credits(own))))
        except inputs.UNBILLABLE as problem:
            problems[point.key] = problem
            continue
        holdings[point.customer_id] = balances.less(own, _draws(made, point))
        found[point.key] = Preview(point, made, holdings[point.customer_id])
    return _Computed(found, problems)


def _points_before(draft: Invoice, now: datetime) -> list[PointKey]:
    """Give a draft's point and those that decide its figures: all that are issued before it, for they use up credit, and without
    any credit those of its own subscription, of which the first takes up what came late.
    """
    earlier = Q(point_at__lt=draft.point_at) | Q(point_at=draft.point_at, subscription__lte=draft.subscription_id)
    drafts = Invoice.objects.filter(
        earlier, customer=draft.customer_id, status=InvoiceStatus.DRAFT, kind__in=inputs.KINDS_OF_POINTS
    )
    if not (CreditGrant.objects.filter(customer=draft.customer_id).exists() or customers_granted([draft.customer_id])):
        drafts = drafts.filter(subscription=draft.subscription_id)
        return [PointKey(*pair) for pair in drafts.values_list("subscription", "point")]
    come = Subscription.objects.filter(customer=draft.customer_id, next_point__point_at__lte=draft.point_at, start_at__lte=now)
    keys = [PointKey(*pair) for pair in drafts.values_list("subscription", "point")]
    return list(dict.fromkeys([*keys, *_undrafted(come, now)]))


def _open_points(customer_ids: Collection[int], now: datetime) -> list[PointKey]:
    drafts = Invoice.objects.filter(customer__in=customer_ids, status=InvoiceStatus.DRAFT, kind__in=inputs.KINDS_OF_POINTS)
    keys = [PointKey(*pair) for pair in drafts.values_list("subscription", "point")]
    subscriptions = Subscription.objects.filter(customer__in=customer_ids, next_point__isnull=False, start_at__lte=now)
    return list(dict.fromkeys([*keys, *_undrafted(subscriptions, now)]))


def _undrafted(subscriptions: QuerySet[Subscription], now: datetime) -> Iterator[PointKey]:
    """Yield the points without a draft whose cycle has begun, the opening one only once it has come and bills something."""
    rows = list(subscriptions.values_list("id", "next_point__point", "ends_at"))
    phases = terms.phases_of(row[0] for row in rows)
    schedules = Schedules(billing_zone())
    opening = _openings([PointKey(row[0], 0) for row in rows if not row[1]])
    for subscription_id, next_point, ends_at in rows:
        n = next_point or 1
        schedule = schedules.from_cycle(n, phases[subscription_id], ends_at=ends_at)
        if not next_point and schedule.starts_at <= now and (key := PointKey(subscription_id, 0)) in opening:
            yield key
        while schedule.has_cycle(n) and schedule.cycle(n).start <= now:
            yield PointKey(subscription_id, n)
            n += 1


def _openings(keys: Sequence[PointKey]) -> set[PointKey]:
    """Keep those starts of subscriptions that bill something, or would if they could be planned."""
    planner = planning.Planner(keys) if keys else None
    found = set()
    for key in keys:
        try:
            if planner and planner.plan(key).fees:
                found.add(key)
        except inputs.UNBILLABLE:
            found.add(key)
    return found


def _draws(made: InvoiceDraft, point: Point) -> Iterable[Draw]:
    for line in made.lines:
        yield from line.waterfall.draws if line.waterfall else ()
    for credit in made.credits:
        yield Draw(credit.grant_period_id, credit.grant_id, Decimal(credit.amount), point.plan.period)
