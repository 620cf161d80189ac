"""Long work that a person can watch, cancel and resume."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import PublicIdField


class JobStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Job(models.Model):
    """One piece of long work: what it does, how far it is, where to go on after a crash.

    progress_done and progress_total are in `progress_unit`; total is null while unknown.  position is whatever the kind of work
    needs to go on from.  A worker holds the job while heartbeat_at is fresh; a stale one may be taken over.  claim_number rises
    with each taking, so that the worker before finds out; crash_count is how many of them since the latest progress.
    """

    public_id = PublicIdField(prefix="job")
    kind = models.CharField(max_length=50)
    parameters = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=JobStatus, default=JobStatus.QUEUED)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True, blank=True)
    progress_unit = models.CharField(max_length=30, blank=True)
    position = models.JSONField(default=dict)
    outcome = models.JSONField(default=dict)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=100)
    claim_number = models.IntegerField(default=0, editable=False)
    crash_count = models.SmallIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [models.Index(fields=["status", "created_at"], name="job_open_by_age")]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=JobStatus.values), name="job_status_known"),
            models.CheckConstraint(condition=models.Q(progress_done__gte=0), name="job_progress_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class JobFile(models.Model):
    """A file that a job made, kept in PostgreSQL so that any web process can serve it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("job file")
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="job_file_name_unique")]

    def __str__(self) -> str:
        return self.name


class JobFileChunk(models.Model):
    """One piece of a job's file, at most a megabyte, in order of number."""

    file = models.ForeignKey(JobFile, on_delete=models.CASCADE, related_name="chunks")
    number = models.IntegerField()
    body = models.BinaryField()

    class Meta:
        verbose_name = _("job file chunk")
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="job_file_chunk_unique")]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.number}"
