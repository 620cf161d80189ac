"""Issue drafts: locked, assembled from one snapshot, numbered without a gap and written, a chunk in one transaction.

# Note [Locks of issuing]
A chunk locks its series' row, then that of all late usage (Note [Late usage]), then the drafts in order of (point, subscription),
then their customers in order of id. Every other write that could change what an invoice draws (grants, wallets, subscriptions) locks
the customer too. So any number of runs, killed anywhere, give the same numbers, and no credit is drawn twice.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from access.actors import Actor
from core import exact_json
from core.clock import database_now
from core.copying import copy
from core.errors import DomainError
from core.faults import fault
from core.sql import load
from credits import balances, grants, renewal
from credits.grants import GrantInput
from credits.models import AppliesTo, CreditGrant, CreditKind
from customers.models import Customer
from events.models import LogSnapshot
from invoices import adjusted_rows, adjustments, billed, drafting, inputs, late, numbers, rows
from invoices.adjusted_rows import Adjusted
from invoices.adjustments import Carried
from invoices.assemble import InvoiceDraft, invoice
from invoices.inputs import UNBILLABLE, Point, PointKey
from invoices.models import Invoice, InvoiceSeries, InvoiceStatus
from invoices.rows import Issue, Rows
from products.models import Subscription

log = logging.getLogger(__name__)

CHUNK_DRAFTS = 500
_LARGEST_AMOUNT = 2**63 - 1


class InvoiceNotDraft(DomainError):
    code = "INVOICE_NOT_DRAFT"


class EarlierDraftOpen(DomainError):
    """Credits are drawn in order of (cycle end, subscription), so a customer's drafts are issued in that order."""

    code = "EARLIER_DRAFT_OPEN"


class AmountTooLarge(DomainError):
    code = "AMOUNT_TOO_LARGE"


@dataclass(frozen=True)
class Assembled:
    """A draft with its figures."""

    draft: Invoice
    point: Point
    made: InvoiceDraft
    carried: Carried


@dataclass(frozen=True)
class Issued:
    """What one chunk did: how many drafts were issued, and how many were held because their figures could not be made."""

    issued_count: int
    held_count: int


def issue_due(*, now: datetime, actor: Actor) -> Issued:
    """Issue every draft whose grace is over at `now`, chunk by chunk in order of (point, subscription)."""
    issued = held = 0
    while (chunk := _issue_chunk(now, actor)) is not None:
        issued += chunk.issued_count
        held += chunk.held_count
        fault("billing: chunk committed")
    return Issued(issued, held)


def issue_by_hand(*, draft: Invoice, actor: Actor, now: datetime) -> Invoice:
    """Issue one draft before its grace is over, or one that is held. Raises InvoiceNotDraft, EarlierDraftOpen, and UNBILLABLE.

    The points of the customer's other subscriptions that have come get their drafts first, so that an earlier one is seen.
    """
    for subscription in Subscription.objects.filter(customer=draft.customer_id, next_point_at__lte=now).order_by("id"):
        drafting.draft_points(subscription=subscription, now=now, actor=actor)
    return _issue_by_hand(draft, actor, now)


@transaction.atomic
def _issue_by_hand(draft: Invoice, actor: Actor, now: datetime) -> Invoice:
    series = numbers.lock(series=numbers.INVOICES, now=now)
    late.search(now=now)
    locked = Invoice.objects.select_for_update().get(id=draft.id)
    if locked.status != InvoiceStatus.DRAFT:
        raise InvoiceNotDraft(f"Invoice {locked} is {locked.status}, not a draft.")
    if earlier := _before(locked).order_by("point_at", "subscription_id").first():
        raise EarlierDraftOpen(f"The draft {earlier.public_id} of this customer comes first.")
    _lock_customers([locked])
    write(series, _assembled([locked], now, actor, hold_failing=False), now, actor)
    return Invoice.objects.get(id=locked.id)


@transaction.atomic
def _issue_chunk(now: datetime, actor: Actor) -> Issued | None:
    """Issue the next drafts; None when none is due. See Note [Locks of issuing]."""
    series = numbers.lock(series=numbers.INVOICES, now=now)
    late.lock()
    fault("billing: series locked")
    due = list(_due(now).select_for_update(of=("self",))[:CHUNK_DRAFTS])
    if not due:
        return None
    _lock_customers(due)
    chunk = _independent(due)
    assembled = _assembled(chunk, now, actor, hold_failing=True)
    fault("billing: assembled")
    write(series, assembled, now, actor)
    return Issued(len(assembled.ready), len(assembled.failed))


def _due(now: datetime) -> QuerySet[Invoice]:
    """Give the drafts whose grace is over, in order; one that is held or waits holds those of its customer that come after it."""
    limit = now - timedelta(minutes=settings.INVOICE_GRACE_MINUTES)
    # A revision's grace counts from when it was asked for, so that a person can look at it first.
    waiting = Q(is_held=True) | Q(revision__gt=0, created_at__gt=limit)
    held = Invoice.objects.filter(waiting, customer=OuterRef("customer"), status=InvoiceStatus.DRAFT).filter(
        Q(point_at__lt=OuterRef("point_at")) | Q(point_at=OuterRef("point_at"), subscription__lte=OuterRef("subscription"))
    )
    return Invoice.objects.filter(~Exists(held), status=InvoiceStatus.DRAFT, point_at__lte=limit).order_by(
        "point_at", "subscription_id", "revision", "id"
    )


def _before(draft: Invoice) -> QuerySet[Invoice]:
    """Give the customer's open drafts that come before one."""
    return Invoice.objects.filter(customer_id=draft.customer_id, status=InvoiceStatus.DRAFT).filter(
        Q(point_at__lt=draft.point_at) | Q(point_at=draft.point_at, subscription_id__lt=draft.subscription_id)
    )


def _lock_customers(drafts: Sequence[Invoice]) -> None:
    ids = {draft.customer_id for draft in drafts}
    list(Customer.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id").values_list("id"))


def _independent(due: Sequence[Invoice]) -> list[Invoice]:
    """Take drafts from the front for as long as none may draw on, or receive, what one before it leaves of a grant.

    Between two drafts of a customer with grants lie the settling of a period and what it rolls over; those come in further chunks.
    """
    with_grants = set(CreditGrant.objects.filter(customer__in={d.customer_id for d in due}).values_list("customer_id", flat=True))
    taken: list[Invoice] = []
    seen: set[int] = set()
    for draft in due:
        if draft.customer_id in seen and draft.customer_id in with_grants:
            break
        seen.add(draft.customer_id)
        taken.append(draft)
    return taken


@dataclass(frozen=True)
class Chunk:
    """Drafts with their figures, those whose figures could not be made with the reason, and what all were read from."""

    ready: tuple[Assembled, ...]
    failed: tuple[tuple[Invoice, str], ...]
    source: inputs.Read
    late: adjustments.Taken


def _assembled(drafts: Sequence[Invoice], now: datetime, actor: Actor, *, hold_failing: bool) -> Chunk:
    """Read everything for the drafts and assemble them in order."""
    customers = {draft.customer_id for draft in drafts}
    renewal.make_periods(customer_ids=customers, until=max(draft.period_end for draft in drafts), actor=actor, now=now)
    read = inputs.read(
        keys=[PointKey(draft.subscription_id, draft.point) for draft in drafts],
        hold=lambda ids, within: balances.held(customer_ids=ids, within=within),
    )
    taken = adjustments.take({draft.subscription_id for draft in drafts})
    to_carry = dict(taken.by_subscription)
    ready: list[Assembled] = []
    failed: list[tuple[Invoice, str]] = []
    waiting: set[int] = set()
    for draft in drafts:
        if draft.customer_id in waiting:
            continue
        try:
            point = _point(read, draft)
            carried = to_carry.pop(draft.subscription_id, adjustments.NOTHING)
            own = point.with_credits(carried.left(read.holdings[draft.customer_id]))
            made = storable(invoice(inputs=carried.joined(own)))
        except UNBILLABLE as problem:
            if not hold_failing:
                raise
            log.exception("the figures of draft %s cannot be made", draft.public_id)
            failed.append((draft, f"{type(problem).__name__}: {problem}"))
            waiting.add(draft.customer_id)
            continue
        ready.append(Assembled(draft, point, made, carried))
        if made.carried_forward:
            waiting.add(draft.customer_id)
    return Chunk(tuple(ready), tuple(failed), read, taken)


def _point(read: inputs.Read, draft: Invoice) -> Point:
    key = PointKey(draft.subscription_id, draft.point)
    if key in read.problems:
        raise read.problems[key]
    return read.points[key]


def storable(made: InvoiceDraft) -> InvoiceDraft:
    """Give the invoice back, or raise AmountTooLarge where a column could not hold one of its amounts."""
    if any(abs(amount) > _LARGEST_AMOUNT for amount in (made.subtotal, made.total, *(line.amount for line in made.lines))):
        raise AmountTooLarge("An amount of this invoice is too large to be stored.")
    return made


def write(series: InvoiceSeries, chunk: Chunk, now: datetime, actor: Actor) -> None:
    """Write what a chunk came to, within the transaction that holds its locks."""
    for draft, reason in chunk.failed:
        Invoice.objects.filter(id=draft.id).update(is_held=True, hold_reason=reason)
    if chunk.ready:
        _write(series, chunk, now, actor)
    fault("billing: written")
    customers = {one.draft.customer_id for one in chunk.ready}
    renewal.settle(customer_ids=customers, billed_until=billed.until, actor=actor, now=now)
    fault("billing: settled")


def _write(series: InvoiceSeries, chunk: Chunk, now: datetime, actor: Actor) -> None:
    issued_at = numbers.issue_time(series, now)
    snapshot = LogSnapshot.objects.create(
        log_epoch=chunk.source.snapshot.epoch, snapshot=chunk.source.snapshot.pg_snapshot, taken_at=database_now()
    )
    issue = Issue(issued_at=issued_at, seller=chunk.source.seller, snapshot=snapshot, actor=actor, now=now)
    written = Rows()
    taken = numbers.take(series, len(chunk.ready), issued_at=issued_at)
    for one, number in zip(chunk.ready, taken, strict=True):
        rows.add(written, invoice=one.draft, number=number, point=one.point, made=one.made, issue=issue)
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "issue_drafts"), {"rows": exact_json.dumps(written.invoices)})
    for table in (written.lines, written.taxes, written.credits, written.entries, written.events):
        copy(table)
    taken_up = [Adjusted(one.draft, one.made, one.carried) for one in chunk.ready]
    adjusted_rows.write(taken_up, snapshot=chunk.late.snapshot, actor=actor, now=now)
    for one in chunk.ready:
        if one.made.carried_forward:
            _carry_forward(one, now, actor)


def _carry_forward(one: Assembled, now: datetime, actor: Actor) -> None:
    """Turn what an invoice came to below zero into money of the customer, for the invoices that follow."""
    grant = GrantInput(
        kind=CreditKind.MONEY,
        amount=Decimal(one.made.carried_forward),
        currency=one.made.currency,
        applies_to=AppliesTo.INVOICE,
        priority=0,
        effective_at=one.draft.point_at,
    )
    customer = one.point.plan.subscription.customer
    grants.create(customer=customer, grant=grant, actor=actor, now=now, cause=f"carried:{one.draft.public_id}")
