"""Show the events of a meter: those it counts with what each adds, those it leaves out with the reason, those of almost its name."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.forms import LeftOutForm
from dashboard.reading import events, meter_events
from dashboard.reading.meter_events import SHOWS, Show
from dashboard.views.meter_asked import asked_of, heading
from events import catalogue
from events.log import Filters
from meters import stored


@require_safe
def listing(request: HttpRequest, public_id: str) -> HttpResponse:
    asked = asked_of(request, public_id)
    show, near = _show(request), catalogue.near_names(asked.meter.event_name)
    name = next((one for one in near if one == request.GET.get("name")), near[0] if near else "")
    context = {"tab": "events", **heading(asked), "show": show, "near_names": near, "near_name": name}
    if context["refusal"] or (show == "near" and not near):
        return render(request, "dashboard/meters/events.html", context)
    definition = stored.definitions([asked.meter.pk])[asked.meter.pk]
    form = LeftOutForm(request.GET, reasons=meter_events.reasons(definition))
    wanted = Filters(
        customer_id=asked.customer.pk if asked.customer else None, start=asked.chosen.period.start, end=asked.chosen.period.end
    )
    page = events.page(
        wanted=meter_events.narrowed(definition, wanted, show, why=form.reason, name=name),
        cursor=request.GET.get("cursor"),
        moment=request.GET.get("moment"),
        counted_by=definition,
    )
    return render(request, "dashboard/meters/events.html", context | {"page": page, "left_out": form})


def _show(request: HttpRequest) -> Show:
    show = request.GET.get("show", "")
    return cast(Show, show) if show in SHOWS else SHOWS[0]
