"""Have workers take up what is queued, and what a dead worker left."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from jobs import run
from jobs.models import JobStatus

# Rolling, billing and webhooks wait behind jobs for the same few processes: a long job goes to the end of the queue after so much.
TURN = timedelta(seconds=30)


@shared_task(name="jobs.work", ignore_result=True)
def work(job_id: int) -> None:
    """Do one job, or a turn of it, unless another worker has it."""
    status = run.take_and_work(job_id=job_id, now=timezone.now(), turn=TURN)
    if status == JobStatus.QUEUED and not run.stopping.is_set():
        offer(job_id)


@shared_task(name="jobs.sweep", ignore_result=True)
def sweep() -> int:
    """Offer to the workers what waits: queued while the broker was away, or left by a worker that died."""
    waiting = run.waiting(now=timezone.now())
    for job_id in waiting:
        offer(job_id)
    return len(waiting)


def offer(job_id: int) -> None:
    """Tell the workers about a job, without trying again: the sweep does."""
    work.apply_async([job_id], retry=False)
