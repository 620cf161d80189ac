"""Find what is due next, and lock it: drafts whose grace is over, and billing points that need not become drafts first.

# Note [Locks of issuing]
Customers first, in order of id, then their drafts and subscriptions, last the series' row, for as long as it takes to number and to
commit. Every other write that could change what an invoice draws (drafts, grants, wallets, subscriptions) locks the customer first too.
A claim begins with the earliest thing that is due and not committed; who finds it locked waits for it, and asks again. So any number of
runs, killed anywhere, give the same numbers, and no credit is drawn twice. docs/decisions/0020 says why the series is not locked first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from msgspec.structs import replace

from core import database
from core.copying import keys
from core.ids import public_ids
from core.sql import load
from credits import product_grants
from credits.models import CreditGrant
from invoices.planning import Planner, PointKey
from invoices.rows import Due


class Position(NamedTuple):
    """A place in the order of issuing."""

    point_at: datetime
    subscription_id: int


BEGINNING = Position(datetime.min.replace(tzinfo=UTC), 0)


@dataclass(frozen=True)
class Claim:
    """What one chunk issues, in order, its customers locked. upto: nothing that is due lies between the last claim and here.

    leaves_more: of its subscriptions later points are due as well, which nobody else sees before it is committed.
    """

    due: Sequence[Due]
    planner: Planner
    upto: Position
    leaves_more: bool = False


def grace_limit(now: datetime) -> datetime:
    """Give the instant whose billing points, and those before it, have waited out their grace at `now`."""
    return now - timedelta(minutes=settings.INVOICE_GRACE_MINUTES)


def claim(*, now: datetime, after: Position, count: int) -> Claim | None:
    """Lock the next things that are due, at most `count`; None when nothing is.

    Where others changed any of them before the lock was there, nothing is claimed up to `after`, so that all is asked for once more:
    what has become due instead, or is held now, may come before the rest.
    """
    bound = {"limit": grace_limit(now), "after_at": after.point_at, "after_subscription": after.subscription_id, "count": count}
    drafts = database.read(load(__file__, "due_drafts"), bound)
    points = database.read(load(__file__, "due_points"), bound)
    if not drafts and not points:
        return None
    lock_customers({row[3] for row in drafts} | {row[1] for row in points})
    lock_subscriptions(row[0] for row in points)
    drafts_upto = [Position(row[6], row[2]) for row in drafts[count - 1 :]]
    points_upto = [Position(row[3], row[0]) for row in points[count - 1 :]]
    horizon = min([*drafts_upto, *points_upto], default=Position(grace_limit(now), 2**63 - 1))
    ids = database.array(row[0] for row in drafts)
    still = database.read(load(__file__, "drafts_still_due"), {"ids": ids}) if drafts else []
    wanted = [PointKey(row[2], row[4]) for row in drafts] + [PointKey(row[0], row[2]) for row in points]
    planner = Planner(wanted)
    if _moved(points) or len(still) < len(drafts):
        return Claim((), planner, after)
    found = [Due(*row) for row in drafts] + list(_new(points, planner, horizon, grace_limit(now), count))
    ordered = sorted(
        (one for one in found if _position(one) <= horizon),
        key=lambda one: (one.point_at, one.subscription_id, one.revision, one.id),
    )
    taken = _independent(ordered[:count])
    upto = _position(taken[-1]) if taken else horizon
    begun = {one.subscription_id for one in taken if one.is_new}
    leaves_more = sum(one.is_new and one.subscription_id in begun for one in found) > sum(one.is_new for one in taken)
    return Claim(_with_keys(taken), planner, upto, leaves_more)


def lock_customers(customer_ids: Iterable[int]) -> None:
    """Lock customers until the transaction ends. See Note [Locks of issuing]."""
    statement = "SELECT FROM customers_customer WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
    database.read(statement, {"ids": database.array(customer_ids)})


def lock_subscriptions(subscription_ids: Iterable[int]) -> None:
    """Lock subscriptions: a price that changes meanwhile is waited for, or takes effect behind the cycles that are billed here."""
    statement = "SELECT FROM products_subscription WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
    database.read(statement, {"ids": database.array(subscription_ids)})


def _position(one: Due) -> Position:
    return Position(one.point_at, one.subscription_id)


def _moved(points: Sequence[tuple]) -> bool:
    """Whether any of the next points is another one now that it is locked."""
    statement = "SELECT subscription_id, point, point_at FROM products_nextpoint WHERE subscription_id = ANY(%(ids)s::bigint[])"
    now = database.read(statement, {"ids": database.array(row[0] for row in points)}) if points else []
    return set(now) != {(row[0], row[2], row[3]) for row in points}


def _new(points: Sequence[tuple], planner: Planner, horizon: Position, limit: datetime, count: int) -> Iterator[Due]:
    """Give the points of the subscriptions that lie before the horizon and are without an invoice, of each also the one behind it."""
    for subscription_id, customer_id, n, at in points:
        for number in range(n, n + count + 1):
            if at is None or at > limit:
                break
            yield Due(0, "", subscription_id, customer_id, number, 0, at, is_new=True)
            if Position(at, subscription_id) > horizon:
                break
            following = PointKey(subscription_id, number + 1)
            at = planner.schedule_from(following).point_at(number + 1)


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
            one = replace(one, id=key, public_id=public_id)
        given.append(one)
    return given
