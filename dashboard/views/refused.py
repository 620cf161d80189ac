"""Show what ingest refused, by reason and by request; send it in again, or put it aside."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from access.middleware import actor_of
from dashboard.reading import refused
from dashboard.views.lists import filter_bar, opened, render_list
from events import dismiss as dismissing
from events import replaying
from events.listing import RefusedRequestFilter, RejectedEventFilter
from events.models import RefusedRequest, RejectedEvent
from jobs.models import Job

CONTROLS = ("code", "customer", "event_name", "key", "start", "end", "status")
REQUEST_CONTROLS = ("code", "key", "start", "end", "status")
MOST_CHOSEN = 1000


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    asked = opened(request.GET)
    filterset = RejectedEventFilter(asked, queryset=RejectedEvent.objects.all())
    whole = RefusedRequestFilter({**asked.dict(), "unread": "true"}, queryset=RefusedRequest.objects.all())
    # What narrows events by their content says nothing of a request whose events were never looked at.
    of_events = any(request.GET.get(name) for name in ("customer", "event_name", "event_id", "field"))
    context = {
        "filter_bar": filter_bar(request, filterset, controls=CONTROLS),
        "groups": refused.groups(filterset.qs),
        "unread": [] if of_events else refused.unread(whole.qs),
    }
    return render(request, "dashboard/refused/groups.html", context)


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    filterset = RejectedEventFilter(
        opened(request.GET), queryset=RejectedEvent.objects.select_related("request__api_key").defer("request__body")
    )
    return render_list(request, "dashboard/refused/events.html", filterset, controls=CONTROLS, describe=refused.events)


@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    filterset = RefusedRequestFilter(opened(request.GET), queryset=RefusedRequest.objects.select_related("api_key").defer("body"))
    return render_list(
        request,
        "dashboard/refused/requests.html",
        filterset,
        controls=REQUEST_CONTROLS,
        order=("-latest_received_at", "id"),
    )


@require_safe
def detail(request: HttpRequest, number: int) -> HttpResponse:
    row = get_object_or_404(RefusedRequest.objects.select_related("api_key"), pk=number)
    return render(request, "dashboard/refused/request.html", {"shown": refused.request(row)})


@require_POST
def replay(request: HttpRequest) -> HttpResponse:
    """Replay the chosen events, or all open ones that pass the filters of the page they were chosen on."""
    if (nothing_chosen := _nothing_chosen(request)) is not None:
        return nothing_chosen
    with_rest = "with_rest" in request.POST
    actor, now = actor_of(request), timezone.now()
    try:
        if "whole_group" in request.POST:
            job = replaying.start_group(filters=_filters(request.POST), with_rest=with_rest, actor=actor, now=now)
        else:
            job = replaying.start_events(ids=_chosen(request.POST), with_rest=with_rest, actor=actor, now=now)
    except replaying.NothingToReplay as nothing:
        messages.info(request, nothing.message)
        return _back(request)
    return _started(request, job)


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Dismiss the chosen events, or all open ones that pass the filters of the page."""
    if (nothing_chosen := _nothing_chosen(request)) is not None:
        return nothing_chosen
    if "whole_group" in request.POST:
        rows = replaying.group(_filters(request.POST))
    else:
        rows = RejectedEvent.objects.filter(id__in=_chosen(request.POST))
    number = dismissing.dismiss_events(rows=rows, actor=actor_of(request), now=timezone.now())
    messages.success(request, ngettext("%(n)s event is dismissed.", "%(n)s events are dismissed.", number) % {"n": number})
    return _back(request)


@require_POST
def replay_rest(request: HttpRequest, number: int) -> HttpResponse:
    row = get_object_or_404(RefusedRequest.objects.defer("body"), pk=number)
    return _started(request, replaying.start_rest(request_id=row.pk, actor=actor_of(request), now=timezone.now()))


@require_POST
def dismiss_request(request: HttpRequest, number: int) -> HttpResponse:
    row = get_object_or_404(RefusedRequest.objects.defer("body"), pk=number)
    dismissing.dismiss_request(request=row, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("The request is dismissed."))
    return redirect("dashboard:refused_request", number)


def _started(request: HttpRequest, job: Job) -> HttpResponse:
    messages.success(request, _("The replay has started. What becomes of each event is told here and in the file."))
    return redirect("dashboard:job", job.public_id)


def _nothing_chosen(request: HttpRequest) -> HttpResponse | None:
    """Answer a press of a button for the chosen ones where no box is ticked; None where there is something to do."""
    if "whole_group" in request.POST or request.POST.getlist("event"):
        return None
    messages.info(request, _("Nothing is chosen. Tick the boxes of the events that are meant."))
    return _back(request)


def _chosen(posted: QueryDict) -> Sequence[int]:
    return [int(pk) for pk in posted.getlist("event")[:MOST_CHOSEN] if pk.isascii() and pk.isdigit() and len(pk) < 19]


def _filters(posted: QueryDict) -> dict[str, Any]:
    """Read the filters that stood in the page's address; its state and place in the list are no part of a group."""
    given = QueryDict(posted.get("filters", ""))
    return {name: given[name] for name in RejectedEventFilter.base_filters if name != "status" and given.get(name)}


def _back(request: HttpRequest) -> HttpResponse:
    query = QueryDict(request.POST.get("filters", "")).urlencode()
    return redirect(f"{reverse('dashboard:refused_events')}?{query}")
