"""Do one job on one worker at a time: take it, go on where it stopped, keep its progress, end it.

# Note [Exactly one worker]
A worker takes a job by one conditional UPDATE, which raises claim_number. Everything that it writes about the job afterwards says
`WHERE claim_number = mine`; a worker that was thought dead and was not finds no row, raises TakenOver, and its step rolls back, for the
position is written in the transaction of the step. So a step counts once, whoever was killed.
"""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from access.actors import Actor
from access.history import acting
from core.errors import DomainError
from core.faults import fault
from jobs import kinds
from jobs.files import Files
from jobs.heartbeat import Heartbeat
from jobs.models import Job, JobStatus

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=60)
"""A worker that was silent for so long is dead: its heart beats every 10 seconds."""
MOST_CRASHES = 3
"""How many workers in a row may die of a job without progress before it counts as failed."""
OFFERED_AGAIN_AFTER = timedelta(seconds=10)

stopping = threading.Event()
"""Set, by a signal handler say, it lets this process give its job back at the next `advance`: no statement is cut off half way."""


class JobCancelled(Exception):
    """Somebody asked the job to stop; raised out of `advance`."""


class AskedToStop(Exception):
    """This process is to end; raised out of `advance`. The step rolls back with its transaction and is done by the next worker."""


class TurnOver(Exception):
    """This process has worked long enough at one job; raised when a step has been committed. Whoever takes it up next goes on there."""


class TakenOver(Exception):
    """This worker was thought dead and another has the job; whatever the step wrote must roll back."""


# The last two: lost connections, of Django's statements and of those beside them.
_NOT_OF_THE_WORK = (AskedToStop, TurnOver, TakenOver, OperationalError, psycopg.OperationalError)


class Run:
    """One worker's turn at one job, as the work sees it."""

    def __init__(self, job: Job, *, turn: timedelta | None = None) -> None:
        self.job = job
        self._turn_ends_at = None if turn is None else time.monotonic() + turn.total_seconds()
        self.parameters: Mapping[str, Any] = job.parameters
        self.position: dict[str, Any] = job.position
        self.done: int = job.progress_done
        self.total: int | None = job.progress_total
        self.actor = Actor(*job.created_by.split(":", 1))  # type: ignore[arg-type]
        self._files = Files(job)
        self._forgets_place = False

    def advance(self, *, position: dict[str, Any], done: int, total: int | None = None, unit: str = "") -> None:
        """Keep how far the job is, and what it wrote; call it in the transaction of the step that it reports.

        After a crash the work starts again with this position. done and total are in `unit`.
        Raises JobCancelled when somebody asked for it, AskedToStop when `stopping` is set, TakenOver when this worker has lost the job.
        """
        fault("jobs: step done")
        with transaction.atomic():
            self._keep(position=position, progress_done=done, progress_total=total, progress_unit=unit, crash_count=0)
            self._files.flush()
        self.position, self.done, self.total = position, done, total
        if self._mine().filter(cancel_requested_at__isnull=False).exists():
            raise JobCancelled
        if stopping.is_set():
            raise AskedToStop
        if position and self._turn_ends_at is not None and time.monotonic() > self._turn_ends_at:
            transaction.on_commit(self._end_turn)  # a step that took longer than a turn must not be lost with it

    def write(self, name: str, body: bytes, *, content_type: str = "text/csv; charset=utf-8") -> None:
        """Append to a file of the job; it is kept with the next `advance`, or with the job's end."""
        self._files.append(name, body, content_type=content_type)

    def forget_place(self) -> None:
        """Have the position emptied when the job is done: for a large one that says nothing of what came out."""
        self._forgets_place = True

    def end(self, status: JobStatus, **columns: Any) -> None:
        """Write how the job ended. Raises TakenOver."""
        if status == JobStatus.DONE and self._forgets_place:
            columns["position"] = {}
        with transaction.atomic():
            self._keep(status=status, finished_at=timezone.now(), **columns)
            if status == JobStatus.DONE:
                self._files.flush()

    def _end_turn(self) -> None:
        raise TurnOver

    def release(self) -> None:
        """Give the job back at once, to be taken up where it is; being asked to stop is no crash."""
        self._mine().update(status=JobStatus.QUEUED, crash_count=0)

    def _keep(self, **columns: Any) -> None:
        if not self._mine().update(heartbeat_at=timezone.now(), **columns):
            raise TakenOver

    def _mine(self) -> QuerySet[Job]:
        return Job.objects.filter(id=self.job.id, status=JobStatus.RUNNING, claim_number=self.job.claim_number)


def take_and_work(*, job_id: int, now: datetime, turn: timedelta | None = None) -> JobStatus | None:
    """Do the job to its end if it waits for a worker, and say how it ended; None where it is not ours to do (any more).

    turn: give it back after the first step that ends so much later, where it has a position to go on from.
    QUEUED where this process was asked to stop before the end, or the turn was over.

    An error of the database's connection is raised: the job goes stale and is taken up again.
    """
    run = take(job_id=job_id, now=now, turn=turn)
    if run is None:
        return None
    try:
        with Heartbeat(run.job), acting(run.actor):
            return _work(run)
    except (AskedToStop, TurnOver):
        run.release()
        return JobStatus.QUEUED
    except (KeyboardInterrupt, SystemExit):
        connection.close()  # it may have been cut off in the middle of a statement
        run.release()
        raise
    except TakenOver:
        log.warning("job %s was taken over by another worker", run.job.public_id)
        return None


@transaction.atomic
def take(*, job_id: int, now: datetime, turn: timedelta | None = None) -> Run | None:
    """Claim a job that is queued or whose worker is dead; None where there is nothing to claim."""
    taken = (
        Job.objects.filter(_waits(now), id=job_id)
        .order_by()
        .update(
            status=JobStatus.RUNNING,
            started_at=Coalesce("started_at", now),
            heartbeat_at=now,
            claim_number=F("claim_number") + 1,
            crash_count=F("crash_count") + 1,
        )
    )
    return Run(Job.objects.get(id=job_id), turn=turn) if taken else None


def waiting(*, now: datetime) -> list[int]:
    """List the ids of jobs that a worker should have taken by now, oldest first."""
    overdue = Q(status=JobStatus.RUNNING) | Q(created_at__lt=now - OFFERED_AGAIN_AFTER)
    return list(Job.objects.filter(_waits(now) & overdue).order_by("created_at", "id").values_list("id", flat=True)[:100])


def _waits(now: datetime) -> Q:
    return Q(status=JobStatus.QUEUED) | Q(status=JobStatus.RUNNING, heartbeat_at__lt=now - STALE_AFTER)


def _work(run: Run) -> JobStatus:
    status, columns = _outcome(run)
    run.end(status, **columns)
    return status


def _outcome(run: Run) -> tuple[JobStatus, dict[str, Any]]:
    if run.job.cancel_requested_at:
        return JobStatus.CANCELLED, {}
    if run.job.crash_count > MOST_CRASHES:
        return _failed("JOB_CRASHED", f"The worker died {MOST_CRASHES} times at the same place.")
    try:
        return JobStatus.DONE, {"outcome": kinds.kind(run.job.kind).function()(run)}
    except JobCancelled:
        return JobStatus.CANCELLED, {}
    except DomainError as error:
        return _failed(error.code, error.message)
    except _NOT_OF_THE_WORK:
        raise
    except Exception as error:
        log.exception("job %s failed", run.job.public_id)
        return _failed("JOB_FAILED", f"The job broke off: {type(error).__name__}. The log has the details.")


def _failed(code: str, message: str) -> tuple[JobStatus, dict[str, Any]]:
    return JobStatus.FAILED, {"error_code": code, "error_message": message}
