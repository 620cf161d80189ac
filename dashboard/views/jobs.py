"""Show long work and how far it is, end it, take it up again, hand out what it made."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.reading import actors, dry_runs, invoice_jobs, refused, void_jobs
from dashboard.views.lists import render_list
from events import replaying
from invoices import issuing, verifying
from jobs import files, start
from jobs.listing import JobFilter
from jobs.models import Job, JobFile, JobStatus
from meters import bulk_void, dry_run

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
STOPPED = (JobStatus.FAILED, JobStatus.CANCELLED)
FACTS = {
    replaying.KIND: refused.replay_facts,
    bulk_void.VOID: void_jobs.facts,
    bulk_void.UNVOID: void_jobs.facts,
    dry_run.KIND: dry_runs.facts,
    issuing.KIND: invoice_jobs.issue_facts,
    verifying.KIND: invoice_jobs.verification_facts,
}
"""What a kind of job says in words of what it was asked for and what came out; others show it as it is kept."""


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
    job = get_object_or_404(Job, public_id=public_id)
    ((_job, started_by),) = _named([job])
    context = {
        "job": job,
        "started_by": started_by,
        "is_open": job.status in OPEN,
        "is_stopped": job.status in STOPPED,
        "can_take_back": job.kind == bulk_void.VOID and job.status not in OPEN,
        "files": job.files.order_by("name"),
        "facts": FACTS[job.kind](job) if job.kind in FACTS else _as_kept({**job.parameters, **job.outcome}),
    }
    return render(request, "dashboard/jobs/detail.html", context)


def _as_kept(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write facts that no kind puts in words, lists and tables of them in one line."""

    def text(fact: Any) -> str:
        if isinstance(fact, Mapping):
            return ", ".join(f"{name} {text(one)}" for name, one in fact.items())
        return ", ".join(text(one) for one in fact) if isinstance(fact, list) else str(fact)

    return [(name.replace("_", " "), text(fact)) for name, fact in facts.items()]


@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    job = get_object_or_404(Job, public_id=public_id)
    try:
        start.cancel(job=job, now=timezone.now())
    except start.JobAlreadyFinished:
        messages.info(request, _("The job had ended already."))
    else:
        messages.success(request, _("The job ends after its present step. What it has done stays done."))
    return redirect("dashboard:job", public_id)


@require_POST
def resume(request: HttpRequest, public_id: str) -> HttpResponse:
    job = get_object_or_404(Job, public_id=public_id)
    try:
        start.resume(job=job)
    except start.JobNotStopped:
        messages.info(request, _("The job was not stopped."))
    else:
        messages.success(request, _("The job goes on from where it stopped."))
    return redirect("dashboard:job", public_id)


@require_safe
def file(request: HttpRequest, public_id: str, name: str) -> StreamingHttpResponse:
    found = get_object_or_404(JobFile, job__public_id=public_id, name=name)
    # Whatever a job made is saved, never opened in the product's own origin.
    disposition = content_disposition_header(as_attachment=True, filename=found.name)
    return StreamingHttpResponse(
        files.stream(found), content_type=found.content_type, headers={"Content-Disposition": disposition or "attachment"}
    )
