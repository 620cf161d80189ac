"""Show that a job's worker is alive, from a thread of its own: a long step is not a death."""

import logging
import threading
from types import TracebackType

from django.db import DatabaseError, connection
from django.utils import timezone

from jobs.models import Job, JobStatus

log = logging.getLogger(__name__)

BEAT_SECONDS = 10


class Heartbeat:
    """Renews heartbeat_at every ten seconds between enter and exit, while the claim is still ours."""

    def __init__(self, job: Job, *, seconds: float = BEAT_SECONDS) -> None:
        self._mine = Job.objects.filter(id=job.id, status=JobStatus.RUNNING, claim_number=job.claim_number)
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {job.public_id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self._mine.update(heartbeat_at=timezone.now())
            except DatabaseError as error:
                log.warning("a heartbeat was missed: %s", error)
            finally:
                connection.close()
