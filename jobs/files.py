"""Keep a job's files in PostgreSQL in pieces of at most a megabyte, and stream them back."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import F

from jobs.models import Job, JobFile, JobFileChunk

CHUNK_BYTES = 1_000_000


class Files:
    """What one job has written since its latest `flush`, by name."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._pending: dict[tuple[str, str], bytearray] = {}

    def append(self, name: str, body: bytes, *, content_type: str) -> None:
        """Remember bytes for the end of a file."""
        self._pending.setdefault((name, content_type), bytearray()).extend(body)

    @transaction.atomic
    def flush(self) -> None:
        """Write what is remembered, behind what the files hold already."""
        for (name, content_type), body in self._pending.items():
            _extend(self._job, name, content_type, bytes(body))
        self._pending.clear()


def _extend(job: Job, name: str, content_type: str, body: bytes) -> None:
    file, _is_new = JobFile.objects.get_or_create(job=job, name=name, defaults={"content_type": content_type})
    first = file.chunks.count()
    pieces = (body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES))
    for number, piece in enumerate(pieces, first):
        JobFileChunk.objects.create(file=file, number=number, body=piece)
    JobFile.objects.filter(id=file.id).update(size=F("size") + len(body))


def stream(file: JobFile) -> Iterator[bytes]:
    """Give a file's bytes in order, one piece in memory at a time."""
    for number in range(file.chunks.count()):
        yield bytes(file.chunks.get(number=number).body)
