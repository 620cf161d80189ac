"""Ask for long work, and ask for it to stop."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When

from access.actors import Actor
from core.errors import DomainError
from jobs import kinds, tasks
from jobs.models import Job, JobStatus


class JobAlreadyFinished(DomainError):
    code = "JOB_ALREADY_FINISHED"


class JobNotStopped(DomainError):
    """The job waits, runs, or is done: there is nothing to go on with."""

    code = "JOB_NOT_STOPPED"


@transaction.atomic
def start(*, kind: str, parameters: dict[str, Any], actor: Actor, now: datetime) -> Job:
    """Queue a job; a worker takes it up once the caller's transaction has committed. Raises JobKindUnknown."""
    job = Job.objects.create(kind=kinds.kind(kind).name, parameters=parameters, created_at=now, created_by=str(actor))
    # Where the broker is away the job stays queued, and the next sweep finds it.
    transaction.on_commit(lambda: tasks.offer(job.id), robust=True)
    return job


@transaction.atomic
def cancel(*, job: Job, now: datetime) -> None:
    """End a queued job at once; ask a running one to end after its present step. Raises JobAlreadyFinished."""
    # In one statement: between two a worker may take a job up or give it back, and neither of them would find it.
    going = Job.objects.filter(id=job.id, status__in=(JobStatus.QUEUED, JobStatus.RUNNING))
    if not going.update(
        status=Case(When(status=JobStatus.QUEUED, then=Value(JobStatus.CANCELLED)), default=F("status")),
        finished_at=Case(When(status=JobStatus.QUEUED, then=Value(now)), default=F("finished_at")),
        cancel_requested_at=now,
    ):
        raise JobAlreadyFinished("This job has ended already.")


@transaction.atomic
def resume(*, job: Job) -> None:
    """Queue a job again that failed or was cancelled; it goes on from its position. Raises JobNotStopped."""
    stopped = Job.objects.filter(id=job.id, status__in=(JobStatus.FAILED, JobStatus.CANCELLED))
    if not stopped.update(
        status=JobStatus.QUEUED, crash_count=0, cancel_requested_at=None, finished_at=None, error_code="", error_message=""
    ):
        raise JobNotStopped("Only a job that failed or was cancelled can be taken up again.")
    transaction.on_commit(lambda: tasks.offer(job.id), robust=True)
