"""Show long work: how far it is and how it ended, in the same words for every kind of it."""

from datetime import datetime
from typing import Any

import msgspec

from jobs.models import Job


class JobAnswer(msgspec.Struct, kw_only=True):
    """Work that goes on by itself. status: queued, running, done, failed or cancelled; total: null while it is not known."""

    job_id: str
    status: str
    done: int
    total: int | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    finished_at: datetime | None


def common(job: Job) -> dict[str, Any]:
    """Give the fields that every kind of job has."""
    return {
        "job_id": job.public_id,
        "status": job.status,
        "done": job.progress_done,
        "total": job.progress_total,
        "error_code": job.error_code or None,
        "error_message": job.error_message or None,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }
