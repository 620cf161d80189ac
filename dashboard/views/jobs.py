"""Show long work and how far it is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from dashboard.views.lists import render_list
from jobs.listing import JobFilter
from jobs.models import Job, JobStatus

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request, "dashboard/jobs/list.html", JobFilter(request.GET, queryset=Job.objects.all()), controls=("status",)
    )


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    job = get_object_or_404(Job.objects.prefetch_related("files"), public_id=public_id)
    return render(request, "dashboard/jobs/detail.html", {"job": job, "is_open": job.status in OPEN})
