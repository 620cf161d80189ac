"""Show long work and how far it is."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from dashboard.reading import actors
from dashboard.views.lists import render_list
from jobs.listing import JobFilter
from jobs.models import Job, JobStatus

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    filterset = JobFilter(request.GET, queryset=Job.objects.all())
    return render_list(request, "dashboard/jobs/list.html", filterset, controls=("status",), describe=_named)


def _named(jobs: Sequence[Job]) -> list[tuple[Job, str]]:
    """Put beside each job who started it."""
    named = actors.names(job.created_by for job in jobs)
    return [(job, named[job.created_by]) for job in jobs]


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    job = get_object_or_404(Job.objects.prefetch_related("files"), public_id=public_id)
    ((_job, started_by),) = _named([job])
    context = {"job": job, "started_by": started_by, "is_open": job.status in OPEN}
    return render(request, "dashboard/jobs/detail.html", context)
