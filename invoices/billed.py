"""Say up to which instant a customer's cycles are all on issued invoices: what lies before is closed to credits."""

from collections.abc import Collection, Iterator
from datetime import datetime

from core import database
from core.deployment import billing_zone
from core.periods import FOREVER
from core.sql import load
from invoices.inputs import KINDS_OF_POINTS
from products import terms
from products.terms import Schedules


def until(customer_ids: Collection[int]) -> dict[int, datetime]:
    """Give it for each customer; FOREVER where no draft is open and no billing point is to come."""
    earliest = dict.fromkeys(customer_ids, FOREVER)
    customers = database.array(customer_ids)
    for customer_id, instant in (*_open_drafts(customers), *_points_to_come(customers)):
        earliest[customer_id] = min(earliest[customer_id], instant)
    return earliest


def _open_drafts(customers: str) -> list[tuple[int, datetime]]:
    bound = {"customers": customers, "kinds": database.array(kind.value for kind in KINDS_OF_POINTS)}
    return [(row[0], row[1]) for row in database.read(load(__file__, "earliest_drafts"), bound)]


def _points_to_come(customers: str) -> Iterator[tuple[int, datetime]]:
    rows = database.read(load(__file__, "points_to_come"), {"customers": customers})
    phases = terms.phases_of(row[0] for row in rows)
    schedules = Schedules(billing_zone())
    for subscription_id, customer_id, next_point, ends_at in rows:
        n = next_point or 1
        yield customer_id, schedules.from_cycle(n, phases[subscription_id], ends_at=ends_at).cycle(n).start
