"""Give renewing grants their periods as usage time needs them, and close periods that every invoice has passed.

A period is made once, whoever asks and however often: UNIQUE (grant, starts_at) and the unique cause of its first entry see to that.
Callers hold the locks of the customers (semantics.md [7]).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Q, Sum
from msgspec import Struct

from access.actors import Actor
from core import copying, database
from core.deployment import billing_zone
from core.money import approximate, exact, ratio, round_half_away
from core.periods import FOREVER, Interval, Period
from core.sql import load
from credits import product_grants, rules, withdrawal
from credits.entries import Entries
from credits.models import CreditEntry, EntryKind, GrantPeriod, Rollover
from credits.rules import Rule
from credits.tidings import Expired, of_period, tell_expired, tell_reversed
from products import terms
from products.cycles import NoSuchCycle, Schedule, first_phase
from products.models import Subscription
from products.terms import Schedules, StoredPhase

REOPENED = "reopened:"
_MICROSECOND = timedelta(microseconds=1)


class Wanted(Struct, frozen=True):
    """A period that a grant must have. amount: what it begins with, in units or minor units."""

    grant: Rule
    period: Period
    amount: Decimal


def wanted(*, customer_ids: Iterable[int], until: datetime) -> tuple[Wanted, ...]:
    """List the periods of the customers' renewing grants that begin before `until`, in order of grant and time."""
    rows = database.read(load(__file__, "renewing"), {"customers": database.array(set(customer_ids)), "until": until})
    grants = [Rule._make(row[:-1]) for row in rows]
    ends = {grant.id: row[-1] for grant, row in zip(grants, rows, strict=True)}
    phases = terms.phases_of(grant.subscription_id for grant in grants if grant.subscription_id is not None)
    shared = Schedules(billing_zone())
    renewed: dict[tuple[object, ...], list[_Renewal]] = {}
    found: list[Wanted] = []
    for grant in grants:
        followed = phases.get(grant.subscription_id or 0)
        schedule = None if followed is None else shared.from_cycle_2(followed, ends_at=ends[grant.id])
        if schedule is None or grant.effective_at < schedule.whole_cycle(1).end:
            renewals_of = list(_renewals(grant, _schedule(grant, phases, ends[grant.id]), until))
        else:
            # All that `_renewals` looks at: most grants of a run begin and end with the same few cycles.
            alike = (id(schedule), grant.effective_at, grant.expires_at, grant.voided_at)
            if alike not in renewed:
                renewed[alike] = list(_renewals(grant, schedule, until))
            renewals_of = renewed[alike]
        found += [Wanted(grant, one.period, _amount(grant, one)) for one in renewals_of]
    return tuple(found)


def renewals(*, starts_at: datetime, interval: Interval, until: datetime) -> int:
    """Count how often a grant that renews by its own interval has done so up to an instant."""
    zone = billing_zone()
    phase = first_phase(starts_at=starts_at, interval=interval, zone=zone)
    return Schedule((phase,), zone).cycle_at(until) - 1 if until > starts_at else 0


class _Renewal(NamedTuple):
    """A period that a grant renews in, and the cycle that it is, or is a part of."""

    period: Period
    cycle: Period


class _Stored(NamedTuple):
    """A period that there is."""

    id: int
    ends_at: datetime | None
    is_settled: bool
    is_withdrawn: bool


def make_periods(*, customer_ids: Iterable[int], until: datetime, actor: Actor, now: datetime) -> None:
    """Write those of the wanted periods that are missing, each with its units, and move ends that a subscription moved.

    Periods that were made ahead and are wanted no more, because the subscription ends or turns otherwise, are withdrawn.
    """
    customers = set(customer_ids)
    product_grants.sync(customer_ids=customers, until=until, actor=actor, now=now)
    rows = database.read(load(__file__, "periods_of_renewing"), {"customers": database.array(customers)})
    stored = {(row[0], row[1]): _Stored._make(row[2:]) for row in rows}
    ahead = max([until, *(starts_at + _MICROSECOND for _grant_id, starts_at in stored)])
    needed = {(one.grant.id, one.period.start): one for one in wanted(customer_ids=customers, until=ahead)}
    for key in needed.keys() & stored.keys():
        period, ends_at = stored[key], _end(needed[key].period)
        if period.is_withdrawn:
            withdrawal.restore(period.id, ends_at=ends_at, actor=actor, now=now)
        elif not period.is_settled and period.ends_at != ends_at:
            GrantPeriod.objects.filter(id=period.id).update(ends_at=ends_at)
    begin([one for key, one in needed.items() if key not in stored and one.period.start < until], actor=actor, now=now)
    gone = [period.id for key, period in stored.items() if key not in needed and not period.is_settled]
    withdrawal.withdraw(gone, actor=actor, now=now)


def begin(missing: Sequence[Wanted], *, actor: Actor, now: datetime) -> list[int]:
    """Write new periods, each with the entry that gives it its units; give their keys."""
    if not missing:
        return []
    keys = copying.keys("credits_grantperiod", len(missing))
    given = Entries(actor=actor, now=now)
    periods = []
    for key, one in zip(keys, missing, strict=True):
        start, end = one.period.start.isoformat(), "\\N" if one.period.is_open else one.period.end.isoformat()
        periods.append(f"{key}\t{one.grant.id}\t{start}\t{end}\n")
        given.add(key, EntryKind.GRANTED.value, one.amount, f"granted:{one.grant.id}:{start}")
    copying.copy_text("credits_grantperiod", "id, grant_id, starts_at, ends_at", periods)
    given.write()
    return keys


class _Closing(NamedTuple):
    """A period that is to be closed. left: what it holds.  turns: how often it was closed before; a void can open it again."""

    id: int
    grant_id: int
    customer_id: int
    starts_at: datetime
    ends_at: datetime | None
    latest_at: datetime
    left: Decimal
    turns: int


def settle(
    *,
    customer_ids: Iterable[int],
    billed_until: Callable[[Set[int]], Mapping[int, datetime]],
    actor: Actor,
    now: datetime,
    ended_by: datetime | None = None,
) -> int:
    """Close every period that has ended and that no invoice can draw on any more; give their number.

    billed_until: gives, for those customers that it matters for, the instant up to which every cycle is on an issued invoice
    (FOREVER where none is open). What a closed period still holds rolls over to the grant's next period, or expires.
    ended_by: close only what had ended by then; now if None.
    """
    bound = {"customers": database.array(set(customer_ids)), "ended_by": min(now, ended_by or now)}
    periods = [_Closing._make(row) for row in database.read(load(__file__, "periods_to_close"), bound)]
    if not periods:
        return 0
    until = billed_until({period.customer_id for period in periods})
    closed = [period for period in periods if period.latest_at <= until[period.customer_id]]
    _close(closed, actor=actor, now=now)
    with connection.cursor() as cursor:
        ids = database.array(period.id for period in closed)
        cursor.execute("UPDATE credits_grantperiod SET settled_at = %s WHERE id = ANY(%s::bigint[])", [now, ids])
    return len(closed)


@exact()
def _close(closed: Sequence[_Closing], *, actor: Actor, now: datetime) -> None:
    """Write the entries that bring the periods to zero, in order of grant and time: one may roll over into the next."""
    rules_of = rules.read({period.grant_id for period in closed})
    following = _following(closed, rules_of)
    left = {period.id: period.left for period in closed}
    written = Entries(actor=actor, now=now)
    gone: list[Expired] = []
    for period in closed:
        rest, grant = left[period.id], rules_of[period.grant_id]
        if rest <= 0:
            continue
        cause = f"{period.grant_id}:{period.starts_at.isoformat()}{f':{period.turns}' if period.turns else ''}"
        rolled = _rolls_over(grant, rest)
        into = (following.get(period.id) or _begin_following(period, grant, actor=actor, now=now)) if rolled else None
        if into is None:
            ended_early = grant.voided_at is not None and grant.voided_at < (period.ends_at or FOREVER)
            kind = EntryKind.VOIDED if ended_early else EntryKind.EXPIRED
            written.add(period.id, kind.value, -rest, f"{kind.value}:{cause}")
            if kind == EntryKind.EXPIRED:
                gone.append(Expired(grant.id, period.starts_at, period.ends_at, rest, f"expired:{cause}"))
            continue
        written.add(period.id, "rolled_out", -rolled, f"rolled_out:{cause}")
        written.add(into, "rolled_in", rolled, f"rolled_in:{cause}")
        if into in left:
            left[into] += rolled
        if rest > rolled:
            written.add(period.id, "expired", rolled - rest, f"expired:{cause}")
            gone.append(Expired(grant.id, period.starts_at, period.ends_at, rest - rolled, f"expired:{cause}"))
    written.write()
    tell_expired(gone, now=now)


def reopen(*, customer_id: int, within: Period, cause: str, actor: Actor, now: datetime) -> None:
    """Open the customer's closed periods that overlap a time, with what was written off in them; what rolled over stays there.

    cause: what they are opened for; once for each.
    """
    overlapping = Q(starts_at__lt=within.end) & (Q(ends_at__isnull=True) | Q(ends_at__gt=within.start))
    withdrawn = Q(settled_at__lt=F("ends_at"), grant__voided_at=None)
    found = GrantPeriod.objects.filter(overlapping, grant__customer_id=customer_id, settled_at__isnull=False)
    closed = list(found.exclude(withdrawn).order_by("id"))
    GrantPeriod.objects.filter(id__in=[period.id for period in closed]).update(settled_at=None)
    # What was withdrawn and given again is no loss.
    lost = Q(kind__in=(EntryKind.EXPIRED, EntryKind.VOIDED)) & ~Q(cause__startswith=withdrawal.WITHDRAWN)
    restored: list[Expired] = []
    for period in closed:
        entries = period.entries.filter(lost | Q(cause__startswith=REOPENED))
        summed = entries.aggregate(all=Sum("amount"), expired=Sum("amount", filter=Q(kind=EntryKind.EXPIRED)))
        written_off, expired = summed["all"] or Decimal(0), summed["expired"] or Decimal(0)
        if back := -max(written_off, expired):
            restored.append(of_period(period, back, f"{REOPENED}{cause}:{period.id}"))
        if written_off < 0:
            CreditEntry.objects.create(
                period=period,
                kind=EntryKind.RETURNED,
                amount=-written_off,
                cause=f"{REOPENED}{cause}:{period.id}",
                actor_kind=actor.kind,
                actor_id=actor.id,
                created_at=now,
            )
    tell_reversed(restored, now=now)


def _renewals(grant: Rule, schedule: Schedule, until: datetime) -> Iterator[_Renewal]:
    """Yield a renewing grant's periods that begin before `until`: the cycles of its schedule within its own time.

    A cycle that other terms go on with is still one. What a product grants from the middle of a cycle on is that part of it.
    """
    last = min(until, grant.expires_at or FOREVER, grant.voided_at or FOREVER)
    try:
        n = 1 if grant.effective_at <= schedule.starts_at else schedule.cycle_at(grant.effective_at)
    except NoSuchCycle:
        return
    while schedule.continues(n):
        n -= 1
    own = Period(grant.effective_at, grant.expires_at or FOREVER)
    while schedule.has_cycle(n) and schedule.cycle(n).start < last:
        cycle, n = _with_continuations(schedule, n)
        if period := cycle.intersect(own):
            yield _Renewal(period, cycle)


def _with_continuations(schedule: Schedule, n: int) -> tuple[Period, int]:
    """Give cycle n with those that go on with it as one period, and the number of the cycle behind."""
    cycle = schedule.cycle(n)
    while schedule.continues(n + 1) and schedule.has_cycle(n + 1):
        n += 1
        cycle = Period(cycle.start, schedule.cycle(n).end)
    return cycle, n + 1


def _amount(grant: Rule, renewal: _Renewal) -> Decimal:
    """Give what a period begins with; whole amounts stay whole."""
    period, cycle = renewal
    if grant.product_credit_id is None or period.start == cycle.start:
        return grant.amount
    part = Fraction(grant.amount) * ratio(period.microseconds, cycle.microseconds)
    whole = grant.amount == grant.amount.to_integral_value()
    return Decimal(round_half_away(part)) if whole else approximate(part, places=6)


def _rolls_over(grant: Rule, left: Decimal) -> Decimal:
    if grant.rollover == Rollover.ALL:
        return left
    return min(left, grant.rollover_cap or Decimal(0)) if grant.rollover == Rollover.CAPPED else Decimal(0)


def _following(closed: Sequence[_Closing], rules_of: Mapping[int, Rule]) -> dict[int, int]:
    """Find the open periods that follow on those of grants that roll over, by the period that they follow."""
    rolling = [period.id for period in closed if rules_of[period.grant_id].rollover != Rollover.NONE]
    if not rolling:
        return {}
    rows = database.read(load(__file__, "following_periods"), {"periods": database.array(rolling)})
    return {before: after for before, after in rows}  # noqa: C416 -- rows of two


def _begin_following(period: _Closing, grant: Rule, *, actor: Actor, now: datetime) -> int | None:
    """Make the grant's next period where it is due but missing; None where the grant has none, or has closed it already."""
    if not grant.renews or period.ends_at is None:
        return None
    if GrantPeriod.objects.filter(grant=grant.id, starts_at=period.ends_at).exists():
        return None
    followed = [] if grant.subscription_id is None else [grant.subscription_id]
    phases = terms.phases_of(followed)
    ended = Subscription.objects.filter(id__in=followed).values_list("ends_at", flat=True).first()
    schedule = _schedule(grant, phases, ended)
    coming = [one for one in _renewals(grant, schedule, period.ends_at + _MICROSECOND) if one.period.start == period.ends_at]
    made = begin([Wanted(grant, one.period, _amount(grant, one)) for one in coming], actor=actor, now=now)
    return made[0] if made else None


def _schedule(grant: Rule, phases: Mapping[int, Sequence[StoredPhase]], ends_at: datetime | None) -> Schedule:
    """Give the schedule that a grant renews by: its subscription's (which ends at ends_at), or its own from its first day."""
    zone = billing_zone()
    if grant.subscription_id is not None:
        return terms.schedule(phases[grant.subscription_id], zone=zone, ends_at=ends_at)
    interval = Interval(grant.renewal_interval, grant.renewal_count)  # type: ignore[arg-type]
    return Schedule((first_phase(starts_at=grant.effective_at, interval=interval, zone=zone),), zone, grant.expires_at)


def _end(period: Period) -> datetime | None:
    return None if period.is_open else period.end
