"""Find what is due next, and lock it: drafts whose grace is over, and billing points that need not become drafts first.

# Note [Locks of issuing]
Customers first, in order of id, then their drafts and subscriptions, last the series' row, for as long as it takes to number and to
commit. Every other write that could change what an invoice draws (grants, wallets, subscriptions) locks the customer first too. A claim
begins with the earliest thing that is due and not committed; who finds it locked waits for it. So any number of runs, killed
anywhere, give the same numbers, and no credit is drawn twice. docs/decisions/0020 says why the series is not locked first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from core import database
from core.copying import keys
from core.ids import public_ids
from core.sql import load
from credits import product_grants
from credits.models import CreditGrant
from invoices.inputs import Planner, PointKey
from invoices.rows import Due


class Position(NamedTuple):
    """A place in the order of issuing."""

    point_at: datetime
    subscription_id: int


BEGINNING = Position(datetime.min.replace(tzinfo=UTC), 0)


@dataclass(frozen=True)
class Claim:
    """What one chunk issues, in order, its customers locked. upto: nothing that is due lies between the last claim and here."""

    due: Sequence[Due]
    planner: Planner
    upto: Position


def grace_limit(now: datetime) -> datetime:
    """Give the instant whose billing points, and those before it, have waited out their grace at `now`."""
    return now - timedelta(minutes=settings.INVOICE_GRACE_MINUTES)


def claim(*, now: datetime, after: Position, count: int) -> Claim | None:
    """Lock the next things that are due, at most `count`; None when nothing is. Others may have issued some, or all, meanwhile."""
    bound = {"limit": grace_limit(now), "after_at": after.point_at, "after_subscription": after.subscription_id, "count": count}
    drafts = database.read(load(__file__, "due_drafts"), bound)
    points = database.read(load(__file__, "due_points"), bound)
    if not drafts and not points:
        return None
    lock_customers({row[3] for row in drafts} | {row[1] for row in points})
    drafts_upto = [Position(row[6], row[2]) for row in drafts[count - 1 :]]
    points_upto = [Position(row[3], row[0]) for row in points[count - 1 :]]
    horizon = min([*drafts_upto, *points_upto], default=Position(grace_limit(now), 2**63 - 1))
    drafts = (
        database.read(load(__file__, "drafts_still_due"), {"ids": database.array(row[0] for row in drafts)}) if drafts else []
    )
    wanted = [PointKey(row[2], row[4]) for row in drafts] + [PointKey(row[0], row[2]) for row in points]
    planner = Planner(wanted)
    found = [Due._make((*row, False)) for row in drafts] + list(_new(points, planner, horizon, count))
    ordered = sorted((one for one in found if _position(one) <= horizon), key=lambda one: (*_position(one), one.revision, one.id))
    taken = _independent(ordered[:count])
    upto = _position(taken[-1]) if taken else horizon
    return Claim(_with_keys(taken), planner, upto)


def lock_customers(customer_ids: Iterable[int]) -> None:
    """Lock customers until the transaction ends. See Note [Locks of issuing]."""
    statement = "SELECT FROM customers_customer WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
    database.read(statement, {"ids": database.array(customer_ids)})


def _position(one: Due) -> Position:
    return Position(one.point_at, one.subscription_id)


def _new(points: Sequence[tuple], planner: Planner, horizon: Position, count: int) -> Iterator[Due]:
    """Give the points of the subscriptions that lie before the horizon and are still without an invoice."""
    for subscription_id, customer_id, n, at in points:
        if planner.subscribers[subscription_id].next_point != n:
            continue
        for number in range(n, n + count):
            if at is None or Position(at, subscription_id) > horizon:
                break
            yield Due(0, "", subscription_id, customer_id, number, 0, at, True)
            at = planner.schedule(subscription_id).point_at(number + 1)


def _independent(due: Sequence[Due]) -> list[Due]:
    """Take from the front for as long as none may draw on, or receive, what one before it leaves of a grant.

    Between two invoices of a customer with grants lie the settling of a period and what it rolls over; those come in further chunks.
    """
    customers = [one.customer_id for one in due]
    if len(set(customers)) == len(customers):
        return list(due)
    repeated = [customer for customer, times in Counter(customers).items() if times > 1]
    with_grants = set(CreditGrant.objects.filter(customer__in=repeated).values_list("customer_id", flat=True))
    # What a product grants is written only as its first invoice is prepared.
    with_grants |= product_grants.customers_granted(repeated)
    taken: list[Due] = []
    seen: set[int] = set()
    for one in due:
        if one.customer_id in seen and one.customer_id in with_grants:
            break
        seen.add(one.customer_id)
        taken.append(one)
    return taken


def _with_keys(due: Sequence[Due]) -> list[Due]:
    """Give the new ones their keys and public ids."""
    count = sum(one.is_new for one in due)
    fresh = iter(list(zip(keys("invoices_invoice", count), public_ids("inv", count), strict=True)) if count else ())
    given = []
    for one in due:
        if one.is_new:
            key, public_id = next(fresh)
            one = one._replace(id=key, public_id=public_id)
        given.append(one)
    return given
