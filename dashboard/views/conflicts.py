"""Show event ids that came with two contents; let the first stand, or put the later one in its place."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.middleware import actor_of
from dashboard.event_forms import ConflictForm, ReasonForm
from dashboard.reading import conflicts
from dashboard.reading.conflicts import ShownConflict
from dashboard.views.lists import opened, render_list
from events.dismiss import ConflictResolved, dismiss_conflict
from events.listing import ConflictFilter
from events.models import EventConflict
from events.replacement import ReplacementIdTaken, ReplacementRefused
from meters import conflicts as corrections
from meters.void import EventAlreadyVoid

CONTROLS = ("event_id", "customer", "event_name", "key", "start", "end", "status")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request,
        "dashboard/conflicts/list.html",
        ConflictFilter(opened(request.GET), queryset=EventConflict.objects.select_related("api_key")),
        controls=CONTROLS,
        order=("-latest_seen_at", "id"),
        describe=_described,
    )


def _described(rows: Sequence[EventConflict]) -> Sequence[ShownConflict]:
    return conflicts.shown(rows)


@require_safe
def detail(request: HttpRequest, number: int) -> HttpResponse:
    return _shown(request, _found(number), ReasonForm(), None)


def _found(number: int) -> EventConflict:
    return get_object_or_404(EventConflict.objects.select_related("api_key", "replacement"), pk=number)


def _shown(request: HttpRequest, row: EventConflict, dismissal: ReasonForm, correction: ConflictForm | None) -> HttpResponse:
    (one,) = conflicts.shown([row])
    correction = correction or ConflictForm.prefilled(one.event.event_id)
    context = {"shown": one, "dismissal": dismissal, "correction": correction}
    return render(request, "dashboard/conflicts/detail.html", context)


@require_POST
def dismiss(request: HttpRequest, number: int) -> HttpResponse:
    row, form = _found(number), ReasonForm(request.POST)
    if not form.is_valid():
        return _shown(request, row, form, None)
    try:
        dismiss_conflict(conflict=row, reason=form.cleaned_data["reason"], actor=actor_of(request), now=timezone.now())
    except ConflictResolved as error:
        messages.info(request, error.message)
    else:
        messages.success(request, _("The conflict is dismissed. The stored event stands."))
    return redirect("dashboard:conflict", number)


@require_POST
def correct(request: HttpRequest, number: int) -> HttpResponse:
    row, form = _found(number), ConflictForm(request.POST, prefix="new")
    if not form.is_valid() or not _corrected(request, row, form):
        return _shown(request, row, ReasonForm(), form)
    messages.success(request, _("The stored event is void, and the later content counts in its place."))
    return redirect("dashboard:conflict", number)


def _corrected(request: HttpRequest, row: EventConflict, form: ConflictForm) -> bool:
    """Correct; what stands against it is said on the form."""
    found = form.cleaned_data
    try:
        corrections.correct(
            conflict=row, event_id=found["event_id"], reason=found["reason"], actor=actor_of(request), now=timezone.now()
        )
    except ReplacementIdTaken as taken:
        form.add_error("event_id", taken.message)
    except ReplacementRefused as refused:
        form.refuse(refused.problems)
    except (ConflictResolved, EventAlreadyVoid) as error:
        form.add_error(None, error.message)
    return form.is_valid()
