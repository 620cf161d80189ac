"""Ask for the demonstration data once, whoever asks how often."""

from datetime import datetime
from typing import Any

from django.db import transaction

from billing_project.demo import load
from core.models import Deployment
from jobs import start
from jobs.models import Job, JobStatus


@transaction.atomic
def begin(*, now: datetime, **scale: Any) -> Job:
    """Return the one job that loads the demonstration data: a new one, or the one there is, made ready to go on where it broke off.

    scale: what load.parameters takes beside now, for a smaller load; it is decided by the first call.
    """
    Deployment.objects.select_for_update(no_key=True).get(id=1)  # two at once must not both find none
    job = Job.objects.filter(kind=load.KIND).order_by("id").first()
    if job is None:
        return start.start(kind=load.KIND, parameters=load.parameters(now=now, **scale), actor=load.ACTOR, now=now)
    if job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        start.resume(job=job)
        job.refresh_from_db()
    return job
