"""Roll the event log up into UsageDay and MeterQuarter: each event once, whatever crashes, retries or runs twice.

A round counts one stretch of the log for all meters that have caught up, and one for those that are furthest behind, which thereby meet
those before them: meters that catch up read the log together. See Note [Positions].
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import Q

from core.deployment import ClusterChanged, ZoneChanged
from core.errors import DomainError
from core.faults import fault
from events import catalogue
from meters import blocks, positions, stored, stretch
from meters.definition import Definition
from meters.models import Meter, RollPosition
from meters.positions import LogPosition
from meters.stretch import NameInStretch, Stretch

# A stretch is counted within one transaction, whose locks a void or a new meter may have to wait for: about a second. Larger ones write
# fewer rows an event, because more events share a bucket.
ROUND_EVENTS = 100_000

# What a stored definition or an event can cause, as against a database that is away or busy, or one that this process is not to count in.
FAILURES = (Error, DomainError, ValueError, TypeError, KeyError)
PASSING = (OperationalError, InterfaceError, ClusterChanged, ZoneChanged)


@dataclass(frozen=True)
class RollReport:
    """What one round did. event_count: events read for the caught-up meters and for the others; each may be counted for both.

    failed: public ids of the meters whose roll failed and which now wait for a person.  busy: another worker held a position.
    """

    event_count: int = 0
    failed: tuple[str, ...] = ()
    busy: bool = False

    def __add__(self, other: "RollReport") -> "RollReport":
        return RollReport(self.event_count + other.event_count, self.failed + other.failed, self.busy or other.busy)


def roll(*, now: datetime, size: int = ROUND_EVENTS) -> RollReport:
    """Run one round; nothing is left to do when the report has no events. Safe with any number of workers at once.

    Raises ClusterChanged after a restore, until after_restore has been run, ZoneChanged in a process of another billing zone.
    """
    report = _live(now=now, size=size)
    furthest = _furthest_behind()
    return report + _own(furthest, now=now, size=size) if furthest else report


def roll_all(*, now: datetime, rounds: int = 1000, size: int = ROUND_EVENTS) -> RollReport:
    """Run rounds until one finds nothing to do, at most so many."""
    report = RollReport()
    for _round in range(rounds):
        latest = roll(now=now, size=size)
        report += latest
        if not latest.event_count:
            break
    return report


def _live(*, now: datetime, size: int) -> RollReport:
    """Count the next stretch for all meters that have caught up; those that fail are set apart, the others go on."""
    try:
        return _live_round(now=now, size=size)
    except PASSING:
        raise
    except FAILURES:
        failed = _set_apart(now=now, size=size)
        if not failed:
            raise
        return _live_round(now=now, size=size) + RollReport(failed=failed)


@transaction.atomic
def _live_round(*, now: datetime, size: int) -> RollReport:
    position = positions.claim(Q(meter=None))
    if position is None:
        return RollReport(busy=True)
    found = stretch.following(positions.of(position), before=positions.bound(), size=size)
    if found is None:
        _note_rest(position, now)
        return RollReport()
    names = stretch.names_in(found)
    fault("roll: before counting")
    stretch.count(found, names, _following_live(names))
    fault("roll: counted")
    catalogue.note(stretch=found.bounds, event_count=found.event_count)
    _advance(position, found, now)
    fault("roll: before commit")
    return RollReport(event_count=found.event_count)


def _following_live(names: Iterable[NameInStretch]) -> Mapping[int, Definition]:
    """Read the definitions of the caught-up meters that these names concern."""
    return stored.definitions(_live_ids(names))


def _live_ids(names: Iterable[NameInStretch]) -> list[int]:
    meters = Meter.objects.filter(event_name__in=[name.name for name in names], own_position=None)
    return list(meters.order_by("id").values_list("id", flat=True))


def _note_rest(position: RollPosition, now: datetime) -> None:
    """Say that all is rolled up as of now, where not even an event waits whose transaction, or an older one, still runs."""
    if stretch.following(positions.of(position), before=positions.end(), size=1) is None:
        RollPosition.objects.filter(id=position.id).update(rolled_at=now)


def _advance(position: RollPosition, found: Stretch, now: datetime) -> None:
    position.rolled_at = now
    positions.advance(position, found.latest)


@transaction.atomic
def _set_apart(*, now: datetime, size: int) -> tuple[str, ...]:
    """Find the meters that fail on the next stretch, each tried alone, and give them positions of their own."""
    live, _none = positions.lock()
    found = stretch.following(positions.of(live), before=positions.bound(), size=size)
    if found is None:
        return ()
    names = stretch.names_in(found)
    failures = {meter_id: failure for meter_id in _live_ids(names) if (failure := _trial(meter_id, found, names))}
    for meter_id, failure in failures.items():
        RollPosition.objects.create(
            meter_id=meter_id,
            log_epoch=live.log_epoch,
            log_xid=live.log_xid,
            log_arrival=live.log_arrival,
            rolled_at=live.rolled_at,
            failed_at=now,
            failure=failure,
        )
    return tuple(Meter.objects.filter(id__in=failures).order_by("id").values_list("public_id", flat=True))


def _trial(meter_id: int, found: Stretch, names: list[NameInStretch]) -> str:
    """Count for one meter and undo it; returns what failed, or nothing."""
    try:
        with transaction.atomic():
            stretch.count(found, names, stored.definitions([meter_id]))
            transaction.set_rollback(True)
    except PASSING:
        raise
    except FAILURES as error:
        return _words(error)
    return ""


def _furthest_behind() -> list[int]:
    """Give the meters that share the lowest position of those with one of their own."""
    rows = list(RollPosition.objects.filter(meter__isnull=False, failed_at=None).order_by(*_BY_POSITION))
    return [row.meter_id for row in rows if row.meter_id is not None and positions.of(row) == positions.of(rows[0])]


_BY_POSITION = ("log_epoch", "log_xid", "log_arrival", "id")


def _own(meter_ids: Sequence[int], *, now: datetime, size: int) -> RollReport:
    """Count the next stretch for meters that are catching up; where that is the last one, let them join the others.

    If that fails each is tried alone, and those that fail wait for a person.
    """
    try:
        report, is_last = _own_round(meter_ids, now=now, size=size)
        if is_last:
            report += _join(meter_ids, now=now, size=size)
    except PASSING:
        raise
    except FAILURES as error:
        if len(meter_ids) > 1:
            return sum((_own([meter_id], now=now, size=size) for meter_id in meter_ids), RollReport())
        RollPosition.objects.filter(meter__in=meter_ids).update(failed_at=now, failure=_words(error))
        return RollReport(failed=tuple(Meter.objects.filter(id__in=meter_ids).values_list("public_id", flat=True)))
    return report


@transaction.atomic
def _own_round(meter_ids: Sequence[int], *, now: datetime, size: int) -> tuple[RollReport, bool]:
    """Count the next stretch; says also whether it was the last one up to the live position."""
    rows = positions.claim_all(Q(meter__in=meter_ids, failed_at=None))
    if not rows:
        return RollReport(busy=True), False
    live = positions.of(positions.live())
    stop = _next_stop(rows, live)
    report = _catch_up(_together(rows), stop, now=now, size=size)
    return report, stop == live and report.event_count < size


def _together(rows: Sequence[RollPosition]) -> list[RollPosition]:
    """Give those of some rows (at least one) that share the lowest position of them."""
    lowest = min(positions.of(row) for row in rows)
    return [row for row in rows if positions.of(row) == lowest]


def _next_stop(rows: Sequence[RollPosition], live: LogPosition) -> LogPosition:
    """Give the place where the furthest of these meters meet others: the nearest position before theirs, at the latest the live one."""
    lowest = min(positions.of(row) for row in rows)
    others = RollPosition.objects.filter(meter__isnull=False, failed_at=None)
    return min((place for other in others if lowest < (place := positions.of(other)) < live), default=live)


def _catch_up(rows: Sequence[RollPosition], stop: LogPosition, *, now: datetime, size: int) -> RollReport:
    """Count a stretch for meters at one position, never past the stop; under the locks of their positions."""
    before = LogPosition(stop.epoch, stop.xid, stop.arrival + 1)
    found = stretch.following(positions.of(rows[0]), before=before, size=size)
    if found is None:
        return RollReport()
    meter_ids = [row.meter_id for row in rows if row.meter_id is not None]
    stretch.count(found, stretch.names_in(found), stored.definitions(meter_ids))
    fault("roll: own counted")
    for row in rows:
        _advance(row, found, now)
    return RollReport(event_count=found.event_count)


@transaction.atomic
def _join(meter_ids: Sequence[int], *, now: datetime, size: int) -> RollReport:
    """Hold the live position still, count what is left up to it, and give the meters' own positions up."""
    live, own = positions.lock(meter_ids)
    rows = [row for row in own.values() if not row.failed_at]
    report = RollReport()
    while rows and (latest := _catch_up(_together(rows), positions.of(live), now=now, size=size)).event_count:
        report += latest
    fault("roll: before joining")
    for row in rows:
        row.delete()
    return report


def retry(*, meter: Meter) -> None:
    """Let a meter that failed be rolled again, once the cause is mended."""
    RollPosition.objects.filter(meter=meter).update(failed_at=None, failure="")


@transaction.atomic
def rebuild(*, meter: Meter) -> None:
    """Forget what was counted for a meter; the roller counts it again from the log's beginning. Usage stays exact meanwhile."""
    positions.lock([meter.id])
    _forget(meter.id)


def give_up(meter_id: int, *, failure: Exception, now: datetime) -> None:
    """Forget what was counted for a meter whose definition cannot be read, so that it is all counted again once it can be and is retried.

    Within the caller's transaction, which holds the locks of the positions.
    """
    _forget(meter_id, failed_at=now, failure=_words(failure))


def _forget(meter_id: int, *, failed_at: datetime | None = None, failure: str = "") -> None:
    """Set a meter back to the log's beginning; under the locks of the positions."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM meters_usageday WHERE meter_id = %s", [meter_id])
        cursor.execute("DELETE FROM meters_meterquarter WHERE meter_id = %s", [meter_id])
    blocks.forget(meter_id)
    fault("rebuild: forgotten")
    start = {"log_epoch": 0, "log_xid": 0, "log_arrival": 0, "failed_at": failed_at, "failure": failure, "rolled_at": None}
    RollPosition.objects.update_or_create(meter_id=meter_id, defaults=start)


def _words(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"
