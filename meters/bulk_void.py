"""Void all events of a selection, or take back all that one job voided: a thousand a transaction, resumed where it stopped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from core.errors import DomainError
from core.sheets import csv_lines
from customers.models import Customer
from events import log
from events.models import Event, EventVoid
from jobs import start
from jobs.models import Job, JobStatus
from jobs.run import Run
from meters import void
from meters.selection import Selection

VOID, UNVOID = "void_events", "unvoid_events"
STEP = 1000
FILE = "events.csv"
COLUMNS = ("event_id", "customer_id", "event_name", "timestamp")


class VoidJobNotFound(DomainError):
    code = "VOID_JOB_NOT_FOUND"


class VoidJobRunning(DomainError):
    """What a job will have voided is not known before it has ended."""

    code = "VOID_JOB_RUNNING"


def begin(*, selection: Selection, reason: str, expected: int | None, actor: Actor, now: datetime) -> Job:
    """Void what the selection holds now; what arrives from now on is left alone, unless it was named by its id.

    expected: how many events, if it is known.
    """
    parameters: dict[str, Any] = {"reason": reason, **selection.to_json(), "moment": log.now()}
    if expected is not None:
        parameters["expected"] = expected
    return start.start(kind=VOID, parameters=parameters, actor=actor, now=now)


def take_back(*, job: Job, reason: str, actor: Actor, now: datetime) -> Job:
    """Count again all that a job voided, where its void still stands. Raises VoidJobNotFound, VoidJobRunning."""
    if job.kind != VOID:
        raise VoidJobNotFound(f"The job {job.public_id} voided nothing.")
    if job.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        raise VoidJobRunning(f"The job {job.public_id} is not over. Wait for its end, or cancel it first.")
    return start.start(kind=UNVOID, parameters={"reason": reason, "job": job.public_id}, actor=actor, now=now)


def work_void(run: Run) -> dict[str, Any]:
    """Do the job of `begin`."""
    selection = Selection.from_json(run.parameters)
    if not run.position:
        _write_header(run)
    while page := _next(selection, run):
        with transaction.atomic():
            voided = void.void_many(events=page.events, **_act(run))
            _keep(run, voided, seen=len(page.events), place=page.place, total=run.parameters.get("expected"))
    done = run.position.get("changed", 0)
    return {"voided": done, "void_before": run.done - done}


def work_unvoid(run: Run) -> dict[str, Any]:
    """Do the job of `take_back`."""
    voids = EventVoid.objects.filter(job=run.parameters["job"], is_void=True).order_by("id")
    if not run.position:
        _write_header(run)
    total = run.total or voids.count()
    while batch := list(voids.filter(id__gt=run.position.get("place", 0))[:STEP]):
        with transaction.atomic():
            counted = void.unvoid_many(voids=batch, **_act(run))
            _keep(run, counted, seen=len(batch), place=batch[-1].pk, total=total)
    done = run.position.get("changed", 0)
    return {"counted_again": done, "taken_back_before": run.done - done}


def _act(run: Run) -> dict[str, Any]:
    return {"reason": run.parameters["reason"], "actor": run.actor, "now": timezone.now(), "job": run.job.public_id}


@dataclass(frozen=True)
class _Page:
    """Some events of the selection, and where to go on after them."""

    events: Sequence[Event]
    place: Any


def _next(selection: Selection, run: Run) -> _Page | None:
    """Read the next events; outside the transaction that voids them, which holds back the rolling."""
    place = run.position.get("place")
    if selection.event_ids:
        begun = place or 0
        chosen = selection.event_ids[begun : begun + STEP]
        keys = selection.keys[begun : begun + STEP]
        return _Page(_events(keys), begun + len(chosen)) if chosen else None
    cursor = log.Cursor.parse(place) if place else None
    found = log.page(filters=selection.log_filters(), size=STEP, cursor=cursor, moment=run.parameters["moment"])
    return _Page(_events([one.key for one in found]), str(found[-1].cursor)) if found else None


def _events(keys: Sequence[Any]) -> list[Event]:
    return list(Event.objects.filter(key__in=keys).select_related("event_name").order_by("arrival"))


def _keep(run: Run, acts: Sequence[EventVoid], *, seen: int, place: Any, total: int | None) -> None:
    """Keep a step: where to go on, what it changed, and the lines of the file."""
    run.write(FILE, "".join(_lines(acts)).encode())
    position = {"place": place, "changed": run.position.get("changed", 0) + len(acts)}
    run.advance(position=position, done=run.done + seen, total=total, unit="events")


def _write_header(run: Run) -> None:
    run.write(FILE, "".join(csv_lines(header=COLUMNS, rows=())).encode())


def _lines(acts: Sequence[EventVoid]) -> Iterator[str]:
    customers = dict(Customer.objects.filter(pk__in={act.event.customer_id for act in acts}).values_list("pk", "public_id"))
    rows = [
        (act.event.event_id, customers[act.event.customer_id], act.event.event_name.name, act.event.timestamp) for act in acts
    ]
    lines = csv_lines(header=COLUMNS, rows=rows)
    next(lines)  # the header stands at the top of the file already
    yield from lines
