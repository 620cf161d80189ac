"""Try a changed definition of a meter on history, and show what it would change; nothing is written to the meter."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from access.middleware import actor_of
from dashboard import filter_draft, meter_drafts, wording
from dashboard.meter_drafts import Draft, WhatIfForm
from dashboard.reading import filter_editor
from dashboard.views.figures import HtmxHttpRequest
from dashboard.views.meter_wizard import aggregation_choices
from events import catalogue
from jobs.models import Job, JobStatus
from meters import dry_run
from meters.dry_run import Difference, NothingChanged
from meters.models import Meter

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
SORTS = ("difference", "old", "new", "name")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def what_if(request: HtmxHttpRequest, public_id: str) -> HttpResponse:
    meter = get_object_or_404(Meter, public_id=public_id)
    draft = meter_drafts.what_if_of(request, meter)
    if request.method != "POST":
        form = WhatIfForm(initial=_initial(draft))
        return render(request, "dashboard/meters/what_if.html", _context(meter, draft, form))
    draft.take(request.POST.dict())
    done = request.POST.get("do", "")
    focus = filter_draft.change(draft.filter, done)
    meter_drafts.keep(request, draft)
    form = WhatIfForm(request.POST)
    if done == "start" and form.is_valid() and not draft.judged_filter().errors:
        job = _begin(request, meter, draft, form)
        if job:
            return _go_to(request, "dashboard:dry_run", public_id, job.public_id)
    if done == "again":
        meter_drafts.forget(request, draft)
        return _go_to(request, "dashboard:meter_what_if", public_id)
    shows_faults = done == "start"
    if not shows_faults:
        form = WhatIfForm(initial={**_initial(draft), "start": request.POST.get("start"), "end": request.POST.get("end")})
    context = _context(meter, draft, form, shows_faults=shows_faults, focus=focus)
    if not request.htmx:
        return render(request, "dashboard/meters/what_if.html", context)
    return trigger_client_event(render(request, "dashboard/meters/what_if_form.html", context), "preview", after="swap")


def _initial(draft: Draft) -> dict[str, str]:
    return {name: getattr(draft, name) for name in ("event_name", "aggregation", "over_property")}


def _begin(request: HttpRequest, meter: Meter, draft: Draft, form: WhatIfForm) -> Job | None:
    definition = draft.definition()
    if definition is None:
        return None
    try:
        return dry_run.begin(
            meter=meter,
            definition=definition,
            starts_at=form.cleaned_data["start"],
            ends_at=form.cleaned_data["end"],
            actor=actor_of(request),
            now=timezone.now(),
        )
    except NothingChanged as refusal:
        form.add_error(None, refusal.message)
        return None


def _go_to(request: HtmxHttpRequest, name: str, *ids: str) -> HttpResponse:
    response = redirect(name, *ids)
    return HttpResponseClientRedirect(response.url) if request.htmx else response


def _context(meter: Meter, draft: Draft, form: WhatIfForm, *, shows_faults: bool = False, focus: str = "") -> dict[str, Any]:
    errors = draft.judged_filter().errors if shows_faults else {}
    return {
        "meter": meter,
        "draft": draft,
        "form": form,
        "focus": focus or "none",
        "choices": aggregation_choices(),
        "names": catalogue.offered_names(now=timezone.now()),
        **filter_editor.context(draft.filter, errors, catalogue.properties(draft.event_name)),
    }


@require_safe
def result(request: HttpRequest, public_id: str, job_id: str) -> HttpResponse:
    meter = get_object_or_404(Meter, public_id=public_id)
    job = get_object_or_404(Job, public_id=job_id, kind=dry_run.KIND, parameters__meter=public_id)
    question = dry_run.asked(job.parameters)
    found = dry_run.found(job.position)
    sort = request.GET.get("sort", "")
    context = {
        "meter": meter,
        "job": job,
        "is_open": job.status in OPEN,
        "question": question,
        "old_words": wording.of_definition(question.old),
        "new_words": wording.of_definition(question.new),
        "found": found,
        "sort": sort if sort in SORTS else SORTS[0],
        "file": job.files.filter(name=dry_run.FILE).first(),
    }
    if found:
        context["rows"] = _sorted(found.greatest, sort)
        context["totals"] = (Decimal(found.old), Decimal(found.new), dry_run.less(found.new, found.old))
    return render(request, "dashboard/meters/dry_run.html", context)


def _sorted(rows: Sequence[Difference], sort: str) -> list[Difference]:
    """Sort what is shown; by the greatest difference unless said otherwise."""
    if sort == "name":
        return sorted(rows, key=lambda row: (row.name.casefold(), row.customer))
    if sort in ("old", "new"):
        return sorted(rows, key=lambda row: (-Decimal(getattr(row, sort) or 0), row.customer))
    return list(rows)
