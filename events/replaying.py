"""Replay many refused events as a job that goes on where it stopped, and tell what became of each in a file.

# Note [One batch at a time]
A batch holds new event names, ids of events and figures until it commits, in the order of its requests. Two batches that share some in
another order would wait for each other in a ring, so a batch waits for the one before it, whichever job that belongs to.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from access.actors import Actor
from core import database
from core.errors import DomainError
from core.sheets import Cell, csv_lines
from events import delivery
from events.bodies import EventsUnreadable
from events.dismiss import lock
from events.listing import RejectedEventFilter
from events.models import RefusedRequest, RejectedEvent, RejectedStatus
from events.replay import BodyGone, replay
from jobs import start
from jobs.models import Job
from jobs.run import Run

KIND = "replay_refused"
BATCH_REQUESTS = 20  # a transaction; each request holds at most a thousand events that were refused for themselves
GONE = "not_kept"
REFUSED = "refused: "  # followed by the code
FILE = "replayed.csv"
_WAIT_FOR_OTHERS = "SELECT pg_advisory_xact_lock(hashtext('tallybook replay'))"  # Note [One batch at a time]
COLUMNS = ("request", "index", "event_id", "outcome", "codes", "message")


class NothingToReplay(DomainError):
    """No open event was chosen."""

    code = "NOTHING_TO_REPLAY"


def start_events(*, ids: Sequence[int], with_rest: bool, actor: Actor, now: datetime) -> Job:
    """Replay the open ones of some refused events. Raises NothingToReplay."""
    rows = RejectedEvent.objects.filter(id__in=ids, status=RejectedStatus.OPEN)
    chosen = sorted(rows.values_list("id", flat=True))
    if not chosen:
        raise NothingToReplay("None of the chosen events is open. Choose events that were neither replayed nor dismissed.")
    return start.start(kind=KIND, parameters={"events": chosen, "with_rest": with_rest}, actor=actor, now=now)


def start_group(*, filters: dict[str, str], with_rest: bool, actor: Actor, now: datetime) -> Job:
    """Replay all open events that pass the filters of RejectedEventFilter and are there now. Raises NothingToReplay."""
    up_to = group(filters).aggregate(up_to=Max("id"))["up_to"]
    if up_to is None:
        raise NothingToReplay("No open event is left of this group.")
    return start.start(kind=KIND, parameters={"filters": filters, "up_to": up_to, "with_rest": with_rest}, actor=actor, now=now)


def start_rest(*, request_id: int, actor: Actor, now: datetime) -> Job:
    """Replay the good events that were refused with others of their request."""
    return start.start(kind=KIND, parameters={"request": request_id, "with_rest": True}, actor=actor, now=now)


def group(filters: dict[str, str]) -> QuerySet[RejectedEvent]:
    """Give the open events that pass some filters; none where a filter cannot be read."""
    filterset = RejectedEventFilter(filters, queryset=RejectedEvent.objects.filter(status=RejectedStatus.OPEN))
    return filterset.qs if filterset.is_valid() else RejectedEvent.objects.none()


def work(run: Run) -> dict[str, Any]:
    """Replay request by request, each whole in one transaction; the outcome says how many events became what."""
    if not run.position:
        run.write(FILE, "".join(csv_lines(header=COLUMNS, rows=())).encode())
    tally = Counter(run.position.get("tally", {}))
    total = run.total or _requests(run, after=0).count()
    while batch := list(_requests(run, after=run.position.get("after", 0))[:BATCH_REQUESTS]):
        with transaction.atomic():
            database.of_django().execute(_WAIT_FOR_OTHERS)
            lock(batch)  # Note [One order] of events/dismiss.py
            accepted: Counter[delivery.Place] = Counter()
            for request_id in batch:
                tally += _replay(run, request_id, accepted)
            delivery.add_accepted(accepted, connection=database.of_django())
            position = {"after": batch[-1], "tally": dict(tally)}
            run.advance(position=position, done=run.done + len(batch), total=total, unit="requests")
    return dict(tally)


def _requests(run: Run, *, after: int) -> QuerySet[RefusedRequest, int]:
    """List the requests that hold what is to be replayed, each once, ascending."""
    if "request" in run.parameters:
        rows = RefusedRequest.objects.filter(id=run.parameters["request"])
    else:
        rows = RefusedRequest.objects.filter(id__in=_chosen(run).order_by().values("request_id"))
    return rows.filter(id__gt=after).order_by("id").values_list("id", flat=True)


def _chosen(run: Run) -> QuerySet[RejectedEvent]:
    if "events" in run.parameters:
        return RejectedEvent.objects.filter(id__in=run.parameters["events"], status=RejectedStatus.OPEN)
    return group(run.parameters["filters"]).filter(id__lte=run.parameters["up_to"])


def _replay(run: Run, request_id: int, accepted: Counter[delivery.Place]) -> Counter[str]:
    chosen = RejectedEvent.objects.none() if "request" in run.parameters else _chosen(run).filter(request_id=request_id)
    indexes = list(chosen.order_by("id").values_list("index", flat=True))
    with_rest = run.parameters["with_rest"]
    try:
        replayed = replay(
            request_id=request_id,
            indexes=indexes,
            with_rest=with_rest,
            accepted=accepted,
            actor=run.actor,
            now=timezone.now(),
        )
    except (BodyGone, EventsUnreadable):
        return Counter({GONE: len(indexes) or 1})
    run.write(
        FILE,
        _lines((request_id, one.index, one.event_id, one.outcome.value, " ".join(one.codes), one.message) for one in replayed),
    )
    counts = Counter(f"{REFUSED}{one.codes[0]}" if one.codes else one.outcome.value for one in replayed)
    return counts + Counter({GONE: len(set(indexes) - {one.index for one in replayed})})


def _lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    _header, *lines = csv_lines(header=COLUMNS, rows=rows)
    return "".join(lines).encode()
