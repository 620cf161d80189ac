"""Issue what is due: locked, assembled from one snapshot, numbered without a gap and written, a chunk in one transaction.

See invoices.due, Note [Locks of issuing].
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from access.actors import Actor
from core import exact_json
from core.clock import database_now
from core.collecting import uncollected
from core.copying import copy
from core.errors import DomainError
from core.faults import fault
from core.sql import load
from credits import balances, grants, renewal
from credits.grants import GrantInput
from credits.models import AppliesTo, CreditKind
from customers.models import Customer
from events.models import LogSnapshot
from invoices import adjusted_rows, adjustments, billed, drafting, inputs, late, late_search, notices, numbers
from invoices.adjusted_rows import Adjusted
from invoices.assemble import InvoiceDraft, invoice
from invoices.due import BEGINNING, Position, claim, lock_customers
from invoices.inputs import Point
from invoices.models import Invoice, InvoiceStatus
from invoices.planning import UNBILLABLE, Planner, PointKey
from invoices.rows import Assembled, Due, Headers, Rows
from products.models import Subscription

log = logging.getLogger(__name__)

CHUNK_INVOICES = 1000
_LARGEST_AMOUNT = 2**63 - 1


class InvoiceNotDraft(DomainError):
    code = "INVOICE_NOT_DRAFT"


class EarlierDraftOpen(DomainError):
    """Credits are drawn in order of (cycle end, subscription), so a customer's drafts are issued in that order."""

    code = "EARLIER_DRAFT_OPEN"


class AmountTooLarge(DomainError):
    """Usage that no customer can have had, as a rule: a quantity in another unit, or a slip of the sender."""

    code = "AMOUNT_TOO_LARGE"


@dataclass(frozen=True)
class Chunk:
    """Invoices with their figures; those whose figures could not be made, with the reason; what all were read from.

    reached: of the subscriptions whose points became invoices or drafts here, the first point that did not.  left: something waits for
    the next chunk.  settled_count: the credit periods that had to be closed before.
    """

    ready: tuple[Assembled, ...]
    failed: tuple[tuple[Due, str], ...]
    reached: dict[int, int]
    is_whole: bool
    source: inputs.Read
    planner: Planner
    late: adjustments.Taken
    settled_count: int = 0


@dataclass(frozen=True)
class Issued:
    """What one chunk did. drafted_count: how many were no drafts before.  upto: everything before is done; None where not.

    settled_count: the credit periods that it closed, those before the cycles that it billed and those that ended with them.
    customers: of whom it issued invoices; their grants have all their periods.
    """

    drafted_count: int = 0
    issued_count: int = 0
    held_count: int = 0
    upto: Position | None = None
    settled_count: int = 0
    customers: frozenset[int] = frozenset()


def summed(parts: Sequence[Issued]) -> Issued:
    """Sum up what several chunks did."""
    return Issued(
        sum(part.drafted_count for part in parts),
        sum(part.issued_count for part in parts),
        sum(part.held_count for part in parts),
        settled_count=sum(part.settled_count for part in parts),
        customers=frozenset().union(*(part.customers for part in parts)),
    )


@dataclass
class Turn:
    """What a chunk waits for before it takes its numbers, and tells when its customers are locked; nothing when it runs alone."""

    def claimed(self, upto: Position) -> None:
        """Hear up to where the chunk has locked everything; not where what comes next shows only when it is committed."""

    def wait(self) -> None:
        """Return when every earlier chunk is committed."""


ALONE = Turn()


def issue_due(*, now: datetime, actor: Actor) -> Issued:
    """Issue everything whose grace is over at `now`, chunk by chunk in order of (point, subscription)."""
    done: list[Issued] = []
    after = BEGINNING
    while True:
        chunk = issue_chunk(now=now, actor=actor, after=after)
        if chunk is None and after == BEGINNING:
            return summed(done)
        # Asking from where the last chunk ended passes by what that one has made obsolete; at the end, all is asked for once more.
        after = BEGINNING if chunk is None or chunk.upto is None else chunk.upto
        if chunk is not None:
            done.append(chunk)
            fault("billing: chunk committed")


def issue_by_hand(*, draft: Invoice, actor: Actor, now: datetime) -> Invoice:
    """Issue one draft before its grace is over, or one that is held. Raises InvoiceNotDraft, EarlierDraftOpen, and UNBILLABLE.

    The points of the customer's other subscriptions that have come get their drafts first, so that an earlier one is seen.
    """
    for subscription in Subscription.objects.filter(customer=draft.customer_id, next_point__point_at__lte=now).order_by("id"):
        drafting.draft_points(subscription=subscription, now=now, actor=actor)
    return _issue_by_hand(draft, actor, now)


@transaction.atomic
def _issue_by_hand(draft: Invoice, actor: Actor, now: datetime) -> Invoice:
    late_search.search(now=now)
    lock_customers([draft.customer_id])
    locked = Invoice.objects.select_for_update().get(id=draft.id)
    if locked.status != InvoiceStatus.DRAFT:
        raise InvoiceNotDraft(f"Invoice {locked} is {locked.status}, not a draft.")
    if earlier := _before(locked).order_by("point_at", "subscription_id").first():
        raise EarlierDraftOpen(f"The draft {earlier.public_id} of this customer comes first.")
    one = Due(
        locked.id,
        locked.public_id,
        locked.subscription_id,
        locked.customer_id,
        locked.point,
        locked.revision,
        locked.point_at,
        is_new=False,
    )
    chunk = _assembled([one], Planner([PointKey(one.subscription_id, one.point)]), now, actor, hold_failing=False)
    write(chunk, now, actor)
    renewal.settle(customer_ids=[one.customer_id], billed_until=billed.until, actor=actor, now=now)
    return Invoice.objects.get(id=locked.id)


# Half of a chunk's time went into looking for reference cycles among its rows, which have none.
@uncollected()
@transaction.atomic
def issue_chunk(*, now: datetime, actor: Actor, after: Position, turn: Turn = ALONE) -> Issued | None:
    """Issue what is due next; None when nothing is. after: where to begin.  turn: what to wait for, where others issue as well."""
    late.lock_shared()
    claimed = claim(now=now, after=after, count=CHUNK_INVOICES)
    if claimed is None:
        return None
    if not claimed.leaves_more:
        turn.claimed(claimed.upto)
    fault("billing: customers locked")
    if not claimed.due:
        turn.wait()
        return Issued(upto=claimed.upto)
    chunk = _assembled(claimed.due, claimed.planner, now, actor, hold_failing=True)
    fault("billing: assembled")
    write(chunk, now, actor, turn)
    settled = _settle(chunk, now, actor)
    fault("billing: credits settled")
    new = [one for one in (*(one.due for one in chunk.ready), *(one for one, _ in chunk.failed)) if one.is_new]
    upto = claimed.upto if chunk.is_whole else None
    customers = frozenset(one.due.customer_id for one in chunk.ready)
    return Issued(len(new), len(chunk.ready), len(chunk.failed), upto, chunk.settled_count + settled, customers)


def _before(draft: Invoice) -> QuerySet[Invoice]:
    """Give the customer's open drafts that come before one."""
    return Invoice.objects.filter(customer_id=draft.customer_id, status=InvoiceStatus.DRAFT).filter(
        Q(point_at__lt=draft.point_at) | Q(point_at=draft.point_at, subscription_id__lt=draft.subscription_id)
    )


def _assembled(due: Sequence[Due], planner: Planner, now: datetime, actor: Actor, *, hold_failing: bool) -> Chunk:
    """Read everything that decides the invoices, and assemble them in order."""
    keys = [PointKey(one.subscription_id, one.point) for one in due]
    settled_count = _prepare_credits(due, keys, planner, now, actor)
    read = inputs.read(keys=keys, hold=lambda ids, within: balances.held(customer_ids=ids, within=within), planner=planner)
    taken = adjustments.take({one.subscription_id for one in due})
    to_carry = dict(taken.by_subscription)
    ready: list[Assembled] = []
    failed: list[tuple[Due, str]] = []
    reached: dict[int, int] = {}
    waiting: set[int] = set()
    for one, key in zip(due, keys, strict=True):
        if one.customer_id in waiting:
            continue
        if one.is_new:
            reached[one.subscription_id] = one.point + 1
        try:
            point = _point(read, key)
            # A draft that has lost its fee since is issued over zero: left alone, it would be due for ever.
            if one.is_new and not drafting.makes_an_invoice(point.plan):
                continue
            carried = to_carry.pop(one.subscription_id, adjustments.NOTHING)
            own = point.with_credits(carried.left(read.holdings[one.customer_id]))
            made = storable(invoice(inputs=carried.joined(own)))
        except UNBILLABLE as problem:
            if not hold_failing:
                raise
            log.exception("the figures of point %s of subscription %s cannot be made", one.point, one.subscription_id)
            failed.append((one, f"{type(problem).__name__}: {problem}"))
            waiting.add(one.customer_id)
            continue
        ready.append(Assembled(one, point, made, carried))
        if made.carried_forward:
            waiting.add(one.customer_id)
    return Chunk(tuple(ready), tuple(failed), reached, not waiting, read, planner, taken, settled_count)


def _prepare_credits(due: Sequence[Due], keys: Sequence[PointKey], planner: Planner, now: datetime, actor: Actor) -> int:
    """Give renewing grants their periods up to now, and close those before the cycles that are billed, which may roll over.

    Gives how many it closed.
    """
    customers = {one.customer_id for one in due}
    schedules = [(planner.schedule_from(key), key.point or 1) for key in keys]
    # A draft whose cycle is gone since will be held, and needs no credits.
    cycles = {schedule.cycle(n) for schedule, n in schedules if schedule.has_cycle(n)}
    if not cycles:
        return 0
    renewal.make_periods(customer_ids=customers, until=max(now, *(cycle.end for cycle in cycles)), actor=actor, now=now)
    latest = max(cycle.start for cycle in cycles)
    return renewal.settle(customer_ids=customers, billed_until=billed.until, actor=actor, now=now, ended_by=latest)


def _settle(chunk: Chunk, now: datetime, actor: Actor) -> int:
    """Close the grant periods that ended with the cycles just billed, and that no other invoice can draw on."""
    holdings = chunk.source.holdings.items()
    ended = {customer_id for customer_id, own in holdings if any(one.balance.period.end <= now for one in own)}
    return renewal.settle(customer_ids=ended, billed_until=billed.until, actor=actor, now=now) if ended else 0


def _point(read: inputs.Read, key: PointKey) -> Point:
    if key in read.problems:
        raise read.problems[key]
    return read.points[key]


def storable(made: InvoiceDraft) -> InvoiceDraft:
    """Give the invoice back, or raise AmountTooLarge where a column could not hold one of its amounts."""
    if max(map(abs, [made.subtotal, made.total, *[line.amount for line in made.lines]])) > _LARGEST_AMOUNT:
        largest = max(made.lines, key=lambda line: abs(line.amount), default=None)
        found = f"“{largest.description}” comes to {largest.amount} minor units" if largest else "its total does"
        raise AmountTooLarge(
            f"An amount of this invoice is above {_LARGEST_AMOUNT}, the most that is stored: {found}. "
            "Void the events that were sent with a mistaken quantity, then issue the invoice by hand."
        )
    return made


def write(chunk: Chunk, now: datetime, actor: Actor, turn: Turn = ALONE) -> None:
    """Write what a chunk came to: everything but the invoices themselves before the series is locked, so that others wait little."""
    _hold(chunk, now, actor)
    drafting.advance(chunk.planner, chunk.reached, now=now)
    snapshot = _snapshot(chunk.source)
    rows = Rows(snapshot_id=snapshot.id, actor=actor, now=now, line_count=sum(len(one.made.lines) for one in chunk.ready))
    for one in chunk.ready:
        rows.add(one)
    rows.write()
    taken_up = [one for one in chunk.ready if one.carried.looks]
    adjusted = [Adjusted(Invoice(id=one.due.id, public_id=one.due.public_id), one.made, one.carried) for one in taken_up]
    adjusted_rows.write(adjusted, snapshot=chunk.late.snapshot, actor=actor, now=now)
    turn.wait()
    if chunk.ready:
        _number(chunk, snapshot, now)
    for one in chunk.ready:
        if one.made.carried_forward:
            _carry_forward(one, now, actor)
    notices.issued([one.due.id for one in chunk.ready], now=now)
    fault("billing: written")


def _snapshot(source: inputs.Read) -> LogSnapshot:
    seen = source.snapshot
    return LogSnapshot.objects.create(log_epoch=seen.epoch, snapshot=seen.pg_snapshot, taken_at=database_now())


def _hold(chunk: Chunk, now: datetime, actor: Actor) -> None:
    """Hold the drafts whose figures could not be made, with the reason; points that were none become such drafts."""
    drafts = []
    for one, reason in chunk.failed:
        if one.is_new:
            key = PointKey(one.subscription_id, one.point)
            if chunk.planner.schedule(key.subscription_id).point_at(key.point) is None:
                continue  # there is no such point any more, and so nothing to hold
            drafts.append(drafting.draft(chunk.planner, key, now, hold_reason=reason))
        else:
            Invoice.objects.filter(id=one.id).update(is_held=True, hold_reason=reason)
    copy(drafts)
    copy([drafting.drafted(draft, now, actor) for draft in drafts])


def _number(chunk: Chunk, snapshot: LogSnapshot, now: datetime) -> None:
    """Lock the series, and write the invoices under its next numbers."""
    series = numbers.lock(series=numbers.INVOICES, now=now)
    fault("billing: series locked")
    issued_at = numbers.issue_time(series, now)
    headers = Headers(seller=chunk.source.seller, snapshot_id=snapshot.id, issued_at=issued_at, now=now)
    for one, number in zip(chunk.ready, numbers.take(series, len(chunk.ready), issued_at=issued_at), strict=True):
        headers.add(one, number)
    headers.write_new()
    if headers.drafts:
        with connection.cursor() as cursor:
            cursor.execute(load(__file__, "issue_drafts"), {"rows": exact_json.dumps(headers.drafts)})


def _carry_forward(one: Assembled, now: datetime, actor: Actor) -> None:
    """Turn what an invoice came to below zero into money of the customer, for the invoices that follow."""
    grant = GrantInput(
        kind=CreditKind.MONEY,
        amount=Decimal(one.made.carried_forward),
        currency=one.made.currency,
        applies_to=AppliesTo.INVOICE,
        priority=0,
        effective_at=one.due.point_at,
    )
    customer = Customer.objects.get(id=one.due.customer_id)
    grants.create(customer=customer, grant=grant, actor=actor, now=now, cause=f"carried:{one.due.public_id}")
