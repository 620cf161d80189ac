"""Run the billing: draft what has ended, issue what has waited out its grace, renew and settle credits. Twice does nothing new."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from access.actors import Actor
from access.history import acting
from core.clock import database_now
from core.collecting import uncollected
from core.errors import DomainError
from core.faults import fault
from credits import renewal
from credits.models import CreditGrant, GrantPeriod
from invoices import billed, drafting, due, ended, late_search, parallel

CHUNK_CUSTOMERS = 500


class AheadOfClock(DomainError):
    """A run dated ahead would close cycles whose events are still to come."""

    code = "BILLING_AHEAD_OF_CLOCK"


@dataclass(frozen=True)
class BillingReport:
    """What a run did. held_count: drafts whose figures could not be made; they wait for a person with the reason.

    settled_count: the credit periods that were closed, each once, in the chunks that issued or behind them.
    """

    drafted_count: int
    issued_count: int
    held_count: int
    settled_count: int


def run_billing(*, now: datetime, actor: Actor, ahead: bool = False, processes: int = 1) -> BillingReport:
    """Bill everything that is due at `now`, which also dates the invoices (no earlier than the latest number of the series).

    Any number of runs at once, killed anywhere and started again, come to the same invoices with the same numbers.
    processes: in how many of them to work; more than one only where nothing but this run lives in the calling process.
    Raises AheadOfClock where `now` is ahead of the database's clock, unless `ahead` or settings.DEVELOPMENT says that it is meant.
    """
    if not (ahead or settings.DEVELOPMENT) and now > (clock := database_now()):
        raise AheadOfClock(
            f"{now.isoformat()} is ahead of the database's clock, {clock.isoformat()}. Say --ahead if it is meant."
        )
    with acting(actor):
        drafted = drafting.write_drafts(now=now, actor=actor, waiting_only=True)
        late_search.search(now=now)
        issued = parallel.issue_due(now=now, actor=actor, processes=processes)
        # Points in their grace of subscriptions that had older ones just issued; and those behind what was held just now.
        drafted += issued.drafted_count + drafting.write_drafts(now=now, actor=actor, waiting_only=True)
        adjusted = ended.issue_ended(now=now, actor=actor)
        settled = issued.settled_count + settle_credits(now=now, actor=actor, processes=processes, renewed=issued.customers)
    return BillingReport(drafted, issued.issued_count + adjusted, issued.held_count, settled)


def settle_credits(*, now: datetime, actor: Actor, processes: int = 1, renewed: Set[int] = frozenset()) -> int:
    """Give renewing grants their periods up to `now` and close those that every invoice has passed; give the number closed.

    renewed: the customers whose grants have these periods already, from the chunks that billed them.
    """
    renewing = CreditGrant.objects.filter(renews=True, voided_at=None).values_list("customer_id", flat=True)
    ended = Q(ends_at__lte=now) | Q(grant__voided_at__lte=now)
    open_still = GrantPeriod.objects.filter(ended, settled_at=None).values_list("grant__customer_id", flat=True)
    ids = sorted((set(renewing) - renewed) | set(open_still))
    chunks = [ids[start : start + CHUNK_CUSTOMERS] for start in range(0, len(ids), CHUNK_CUSTOMERS)]
    return sum(parallel.spread(partial(_settle, now=now, actor=actor), chunks, processes=processes))


def _settle(customer_ids: list[int], *, now: datetime, actor: Actor) -> int:
    with acting(actor):
        settled = _settle_chunk(customer_ids, now, actor)
    fault("billing: credits settled")
    return settled


@uncollected()
@transaction.atomic
def _settle_chunk(customer_ids: list[int], now: datetime, actor: Actor) -> int:
    due.lock_customers(customer_ids)
    renewal.make_periods(customer_ids=customer_ids, until=now, actor=actor, now=now)
    return renewal.settle(customer_ids=customer_ids, billed_until=billed.until, actor=actor, now=now)
