"""Show the event log and one event with what each meter makes of it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from customers.models import Customer
from dashboard.forms import EventForm
from dashboard.reading import events
from events import log


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    form = EventForm(request.GET, names=events.offered_names())
    sought = request.GET.get("event_id", "").strip()
    if sought and log.find(sought):
        return redirect(f"{reverse('dashboard:event')}?{urlencode({'id': sought})}")
    page = events.page(wanted=form.wanted(), cursor=request.GET.get("cursor"), moment=request.GET.get("moment"))
    context = {"form": form, "page": page, "is_used": form.is_used, "sought": sought}
    return render(request, "dashboard/events/list.html", context)


@require_safe
def detail(request: HttpRequest) -> HttpResponse:
    event = log.find(request.GET.get("id", ""))
    if event is None:
        raise Http404
    return render(
        request,
        "dashboard/events/detail.html",
        {
            "event": event,
            "customer": Customer.objects.get(pk=event.customer_id),
            "verdicts": events.verdicts(event),
            "acts": events.acts_of(event),
            "conflicts": events.conflicts_of(event),
        },
    )
