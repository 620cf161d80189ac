"""Give renewing grants their periods as usage time needs them, and close periods that every invoice has passed.

A period is made once, whoever asks and however often: UNIQUE (grant, starts_at) and the unique cause of its first entry see to that.
Callers hold the locks of the customers (semantics.md [7]).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import F, Q, Sum
from django.db.models.functions import Least

from access.actors import Actor
from core.periods import FOREVER, Interval, Period
from credits.models import CreditEntry, CreditGrant, EntryKind, GrantPeriod, Rollover
from products import terms
from products.cycles import NoSuchCycle, Schedule, first_phase

CLOSING = (EntryKind.EXPIRED, EntryKind.ROLLED_OUT, EntryKind.VOIDED)
REOPENED = "reopened:"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Wanted:
    """A period that a renewing grant must have."""

    grant: CreditGrant
    period: Period


def wanted(*, customer_ids: Iterable[int], until: datetime) -> tuple[Wanted, ...]:
    """List the periods of the customers' renewing grants that begin before `until`, in order of grant and time."""
    grants = list(
        CreditGrant.objects.filter(customer_id__in=set(customer_ids), renews=True, effective_at__lt=until)
        .select_related("subscription")
        .prefetch_related("subscription__phases")
        .order_by("id")
    )
    return tuple(Wanted(grant, period) for grant in grants for period in periods_of(grant, _schedule(grant), until))


def make_periods(*, customer_ids: Iterable[int], until: datetime, actor: Actor, now: datetime) -> None:
    """Write those of the wanted periods that are missing, each with its units, and move ends that a subscription moved."""
    needed = wanted(customer_ids=customer_ids, until=until)
    stored = {
        (period.grant_id, period.starts_at): period
        for period in GrantPeriod.objects.filter(grant__in={one.grant.id for one in needed})
    }
    for one in needed:
        existing = stored.get((one.grant.id, one.period.start))
        if existing is not None and existing.settled_at is None and existing.ends_at != _end(one.period):
            GrantPeriod.objects.filter(id=existing.id).update(ends_at=_end(one.period))
    begin([one for one in needed if (one.grant.id, one.period.start) not in stored], actor=actor, now=now)


def begin(missing: Sequence[Wanted], *, actor: Actor, now: datetime) -> None:
    """Write new periods, each with the entry that gives it its units."""
    periods = GrantPeriod.objects.bulk_create(
        GrantPeriod(grant=one.grant, starts_at=one.period.start, ends_at=_end(one.period)) for one in missing
    )
    CreditEntry.objects.bulk_create(
        entry(period, EntryKind.GRANTED, one.grant.amount, actor=actor, now=now)
        for period, one in zip(periods, missing, strict=True)
    )


def settle(
    *, customer_ids: Iterable[int], billed_until: Callable[[Set[int]], Mapping[int, datetime]], actor: Actor, now: datetime
) -> int:
    """Close every period that has ended and that no invoice can draw on any more; give their number.

    billed_until: gives, for those customers that it matters for, the instant up to which every cycle is on an issued invoice
    (FOREVER where none is open). What a closed period still holds rolls over to the grant's next period, or expires.
    """
    periods = list(
        GrantPeriod.objects.filter(grant__customer_id__in=set(customer_ids), settled_at=None)
        .annotate(last_at=Least(F("ends_at"), F("grant__voided_at")))
        .filter(last_at__lte=now)
        .select_related("grant")
        .order_by("grant_id", "starts_at")
    )
    if not periods:
        return 0
    until = billed_until({period.grant.customer_id for period in periods})
    closed = [period for period in periods if period.last_at <= until[period.grant.customer_id]]
    for period in closed:
        # One by one in order of time: a period that is closed in this same round can still be rolled over into.
        GrantPeriod.objects.filter(id=period.id).update(settled_at=now)
        # Asked again, because the period before it may have rolled over into it just now.
        left = CreditEntry.objects.filter(period=period).aggregate(left=Sum("amount"))["left"] or Decimal(0)
        CreditEntry.objects.bulk_create(_closing(period, left, actor=actor, now=now))
    return len(closed)


def reopen(*, customer_id: int, within: Period, cause: str, actor: Actor, now: datetime) -> None:
    """Open the customer's closed periods that overlap a time, with what was written off in them; what rolled over stays there.

    cause: what they are opened for; once for each.
    """
    overlapping = Q(starts_at__lt=within.end) & (Q(ends_at__isnull=True) | Q(ends_at__gt=within.start))
    closed = list(
        GrantPeriod.objects.filter(overlapping, grant__customer_id=customer_id, settled_at__isnull=False).order_by("id")
    )
    GrantPeriod.objects.filter(id__in=[period.id for period in closed]).update(settled_at=None)
    for period in closed:
        written_off = Q(kind__in=(EntryKind.EXPIRED, EntryKind.VOIDED)) | Q(cause__startswith=REOPENED)
        lost = CreditEntry.objects.filter(written_off, period=period).aggregate(lost=Sum("amount"))["lost"] or Decimal(0)
        if lost < 0:
            CreditEntry.objects.create(
                period=period,
                kind=EntryKind.RETURNED,
                amount=-lost,
                cause=f"{REOPENED}{cause}:{period.id}",
                actor_kind=actor.kind,
                actor_id=actor.id,
                created_at=now,
            )


def periods_of(grant: CreditGrant, schedule: Schedule, until: datetime) -> Iterator[Period]:
    """Yield a renewing grant's periods that begin before `until`: the cycles of its schedule within its own time."""
    last = min(until, grant.expires_at or FOREVER, grant.voided_at or FOREVER)
    try:
        n = 1 if grant.effective_at <= schedule.starts_at else schedule.cycle_at(grant.effective_at)
    except NoSuchCycle:
        return
    while schedule.has_cycle(n) and schedule.cycle(n).start < last:
        if period := schedule.cycle(n).intersect(Period(grant.effective_at, grant.expires_at or FOREVER)):
            yield period
        n += 1


def entry(
    period: GrantPeriod,
    kind: EntryKind,
    amount: Decimal,
    *,
    actor: Actor,
    now: datetime,
    source: GrantPeriod | None = None,
    turn: int = 0,
) -> CreditEntry:
    """Make the one entry of its kind that a period can have (by cause), not saved.

    source: the period it rolls in from.  turn: how often the period was closed before; a void can open it again.
    """
    origin = source or period
    again = f":{turn}" if turn else ""
    return CreditEntry(
        period=period,
        kind=kind,
        amount=amount,
        cause=f"{kind}:{origin.grant_id}:{origin.starts_at.isoformat()}{again}",
        actor_kind=actor.kind,
        actor_id=actor.id,
        created_at=now,
    )


def _closing(period: GrantPeriod, left: Decimal, *, actor: Actor, now: datetime) -> Iterator[CreditEntry]:
    """Yield the entries that bring a period to zero."""
    if left <= 0:
        return
    turn = period.entries.filter(kind__in=CLOSING).values("created_at").distinct().count()

    def written(into: GrantPeriod, kind: EntryKind, amount: Decimal) -> CreditEntry:
        return entry(into, kind, amount, actor=actor, now=now, source=period, turn=turn)

    rolled = _rolls_over(period.grant, left)
    following = _following(period, actor=actor, now=now) if rolled else None
    if following is None:
        ended_early = period.grant.voided_at is not None and period.grant.voided_at < (period.ends_at or FOREVER)
        yield written(period, EntryKind.VOIDED if ended_early else EntryKind.EXPIRED, -left)
        return
    yield written(period, EntryKind.ROLLED_OUT, -rolled)
    yield written(following, EntryKind.ROLLED_IN, rolled)
    if left > rolled:
        yield written(period, EntryKind.EXPIRED, rolled - left)


def _rolls_over(grant: CreditGrant, left: Decimal) -> Decimal:
    if grant.rollover == Rollover.ALL:
        return left
    return min(left, grant.rollover_cap or Decimal(0)) if grant.rollover == Rollover.CAPPED else Decimal(0)


def _following(period: GrantPeriod, *, actor: Actor, now: datetime) -> GrantPeriod | None:
    """Give the grant's next period, made now where it is due but missing; None where the grant has none."""
    grant = period.grant
    if not grant.renews or period.ends_at is None:
        return None
    following = Q(grant=grant, starts_at=period.ends_at)
    if not GrantPeriod.objects.filter(following).exists():
        beyond = [p for p in periods_of(grant, _schedule(grant), period.ends_at + _MICROSECOND) if p.start == period.ends_at]
        begin([Wanted(grant, p) for p in beyond], actor=actor, now=now)
    return GrantPeriod.objects.filter(following, settled_at=None).first()


def _schedule(grant: CreditGrant) -> Schedule:
    """Give the schedule that a grant renews by: its subscription's, or its own from its first day."""
    zone = settings.BILLING_TIME_ZONE
    if grant.subscription is not None:
        return terms.schedule(grant.subscription.phases.all(), zone=zone, ends_at=grant.subscription.ends_at)
    interval = Interval(grant.renewal_interval, grant.renewal_count)  # type: ignore[arg-type]
    return Schedule((first_phase(starts_at=grant.effective_at, interval=interval, zone=zone),), zone, grant.expires_at)


def _end(period: Period) -> datetime | None:
    return None if period.is_open else period.end
