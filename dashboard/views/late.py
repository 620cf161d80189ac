"""Show usage that came after its cycle was billed, with its money effect; let finance decide about it; list the events behind a line."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.middleware import actor_of
from core.errors import DomainError
from dashboard.event_forms import ReasonForm
from dashboard.paging import CursorInvalid
from dashboard.reading import actors, late
from dashboard.views.lists import render_list
from invoices import closed, late_review, line_events
from invoices import late as late_usage
from invoices.late_models import LateUsage, LateVerdict
from invoices.line_events import LineWithoutEvents
from invoices.listing import LateUsageFilter
from invoices.models import InvoiceLine
from meters import behind
from meters.behind import Asked, Place

EVENTS = 50
VERBS = {LateVerdict.APPROVED.value: late_review.approve, LateVerdict.WAIVED.value: late_review.waive}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    filterset = LateUsageFilter(request.GET, queryset=late.rows())
    order = ("-found_at", "-id")
    controls = ("search", "state")
    return render_list(request, "dashboard/late/list.html", filterset, controls=controls, order=order, describe=late.described)


@require_safe
def detail(request: HttpRequest, number: int) -> HttpResponse:
    return _shown(request, number, ReasonForm())


def _shown(request: HttpRequest, number: int, form: ReasonForm) -> HttpResponse:
    row = get_object_or_404(late.rows(), id=number)
    (found,) = late.described([row])
    slot = late_usage.slot(row)
    standing = closed.read([slot]).get(slot)
    events = []
    if standing is not None and found.is_open:
        since = line_events.of(standing.latest_snapshot)
        asked = Asked(standing.definition, row.customer_id, standing.whole, at=None, since=since)
        events = list(behind.events(asked, limit=EVENTS))
    decisions = list(row.decisions.order_by("id"))
    named = actors.names(f"{one.actor_kind}:{one.actor_id}" for one in decisions)
    shown = {
        "row": found,
        "charge": standing,
        "events": events,
        "is_cut": len(events) == EVENTS,
        "decisions": [(one, named[f"{one.actor_kind}:{one.actor_id}"]) for one in decisions],
        "form": form,
    }
    return render(request, "dashboard/late/detail.html", shown)


@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Approve or waive late usage, as the button says."""
    row = get_object_or_404(LateUsage, id=number)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _shown(request, number, form)
    verb = VERBS.get(request.POST.get("verdict", ""))
    if verb is None:
        messages.error(request, _("Say whether it is approved or waived."))
        return redirect("dashboard:late_usage_one", number)
    try:
        verb(found=row, reason=form.cleaned_data["reason"], actor=actor_of(request), now=timezone.now())
    except DomainError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("Decided. The next invoice goes by it."))
    return redirect("dashboard:late_usage_one", number)


@require_safe
def events(request: HttpRequest, public_id: str, line_id: str) -> HttpResponse:
    """Show the events behind a line, newest first, page by page."""
    line = _line(public_id, line_id)
    try:
        asked = line_events.asked(line)
    except LineWithoutEvents as none:
        raise Http404 from none
    found = list(behind.events(asked, after=_place(request.GET.get("after", "")), limit=EVENTS + 1))
    page = found[:EVENTS]
    older = line_events.cursor(page[-1]) if len(found) > EVENTS else ""
    shown = {"line": line, "events": page, "older": older, "is_difference": line_events.is_difference(line)}
    return render(request, "dashboard/invoices/events.html", shown)


@require_safe
def events_csv(request: HttpRequest, public_id: str, line_id: str) -> StreamingHttpResponse:
    """Stream all the events behind a line."""
    line = _line(public_id, line_id)
    try:
        lines = line_events.csv(line)
    except LineWithoutEvents as none:
        raise Http404 from none
    headers = {"Content-Disposition": f'attachment; filename="events-{line.public_id}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _line(public_id: str, line_id: str) -> InvoiceLine:
    rows = InvoiceLine.objects.select_related("invoice__customer", "snapshot", "meter", "adjusts__invoice")
    return get_object_or_404(rows, invoice__public_id=public_id, public_id=line_id)


def _place(text: str) -> Place | None:
    try:
        return line_events.place(text) if text else None
    except ValueError as error:
        raise CursorInvalid("the cursor cannot be read") from error
