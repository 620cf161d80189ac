"""Show what is counted: meters, and for each its usage over time and by customer."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from core.periods import Period
from customers.models import Customer
from dashboard import charts
from dashboard.palette import Palette
from dashboard.reading import meter_lines, meter_months, meter_usage, zero
from dashboard.reading.meter_lines import Line
from dashboard.reading.ranges import LABELS
from dashboard.views.figures import HtmxHttpRequest, figure_response, palette_of
from dashboard.views.lists import render_list
from dashboard.views.meter_asked import Asked, asked_of, heading
from meters.listing import MeterFilter
from meters.models import Meter
from meters.series import RangeTooLarge, UsageRow

OFFERED_CUSTOMERS = 10


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request,
        "dashboard/meters/list.html",
        MeterFilter(request.GET, queryset=Meter.objects.all()),
        controls=("search", "aggregation", "archived"),
        describe=partial(meter_months.months, now=timezone.now()),
    )


@vary_on_headers("HX-Request")
@require_safe
def overview(request: HtmxHttpRequest, public_id: str) -> HttpResponse:
    asked = asked_of(request, public_id)
    context = {"tab": "overview", **heading(asked)}
    if context["refusal"]:
        return render(request, "dashboard/meters/overview.html", context)
    try:
        used = meter_usage.by_customer(asked.meter, asked.chosen, now=asked.now, customer=asked.customer)
        context |= _figures(asked, used)
        if request.htmx:
            return render(request, "dashboard/meters/figures.html", context)
        context |= _comparison(request, asked, _rows(asked, asked.meter, asked.chosen.period))
    except RangeTooLarge as refusal:
        return render(request, "dashboard/meters/overview.html", context | {"refusal": refusal.message})
    if asked.customer is None:
        greatest = Customer.objects.in_bulk([one.customer_id for one in used[:OFFERED_CUSTOMERS]])
        asked.form.offer(list(greatest.values()))
    context["has_no_cycle"] = asked.chosen.by_cycle and not used
    if not context["event_count"] and not context["has_no_cycle"]:
        period = used[0].period if asked.customer and used else asked.chosen.period
        context["panel"] = zero.panel(meter=asked.meter, customer=asked.customer, period=period)
    return render(request, "dashboard/meters/overview.html", context)


def _figures(asked: Asked, used: list[meter_usage.CustomerUsage]) -> dict[str, object]:
    meter, customer = asked.meter, asked.customer
    whole = meter_usage.whole(meter, asked.chosen, used)
    return {
        "total": whole.quantity,
        "before": meter_usage.before(meter, asked.chosen, now=asked.now, customer=customer),
        "always": meter_usage.always(meter, customer).quantity,
        "event_count": whole.event_count,
        "customer_count": sum(1 for one in used if one.event_count),
        "latest_at": whole.latest_at,
    }


def _rows(asked: Asked, meter: Meter, period: Period) -> list[UsageRow]:
    return meter_lines.rows(meter, period=period, window=asked.window, customer=asked.customer, now=asked.now)


def _comparison(request: HttpRequest, asked: Asked, own: list[UsageRow]) -> dict[str, object]:
    """Lay further meters beside the page's own: a chart for each unit, a column for each meter."""
    others = meter_lines.compared(asked.meter, request.GET.getlist("compare"))
    asked.form.offer_meters(Meter.objects.exclude(pk__in=[asked.meter.pk, *(one.pk for one in others)]).order_by("name", "id"))
    lines = [Line(asked.meter, own), *(Line(one, _rows(asked, one, asked.chosen.period)) for one in others)]
    units = meter_lines.units(one.meter for one in lines)
    return {
        "lines": lines,
        "compared": [(one, one.meter.public_id, _without(request, one.meter)) for one in lines[1:]],
        "charts": [(unit, [one.meter.name for one in lines if one.meter.measurement_unit == unit]) for unit in units],
        "table": [(row, [one.rows[number] for one in lines]) for number, row in enumerate(own)][::-1],
    }


def _without(request: HttpRequest, meter: Meter) -> str:
    """Give the query of the page with one meter less to compare with."""
    parameters = request.GET.copy()
    parameters.setlist("compare", [one for one in parameters.getlist("compare") if one != meter.public_id])
    return f"?{parameters.urlencode()}"


@require_safe
def figure(request: HttpRequest, public_id: str) -> HttpResponse:
    """Answer a chart: the meter over the time before, or with others to compare those of one unit."""
    asked, palette = asked_of(request, public_id), palette_of(request)
    if asked.form.refusal:
        raise Http404(asked.form.refusal)
    others = meter_lines.compared(asked.meter, request.GET.getlist("compare"))
    unit = request.GET.get("unit", asked.meter.measurement_unit)
    wanted = [one for one in (asked.meter, *others) if one.measurement_unit == unit]
    if not wanted:
        raise Http404
    try:
        lines = [Line(one, _rows(asked, one, asked.chosen.period)) for one in wanted]
        if others:
            return figure_response(meter_lines.drawn(lines, window=asked.window, palette=palette, now=asked.now))
        return figure_response(_over_earlier(asked, lines[0].rows, palette))
    except RangeTooLarge as refusal:
        raise Http404(refusal.message) from refusal


def _over_earlier(asked: Asked, rows: Sequence[UsageRow], palette: Palette) -> Mapping[str, Any]:
    """Draw the windows over those of the stretch before."""
    shown = [meter_lines.series_of(_(LABELS[asked.chosen.key]), rows)]
    if asked.chosen.before.end > asked.chosen.before.start:
        earlier = _rows(asked, asked.meter, asked.chosen.before)
        points = [(start, row.quantity) for (start, _quantity), row in zip(shown[0].points, earlier, strict=False)]
        shown.append(charts.Series(_("Previous period"), points, earlier=True))
    running = bool(rows) and rows[-1].end > asked.now
    unit, window = asked.meter.measurement_unit, cast(charts.Window, asked.window)
    return charts.usage(series=shown, window=window, unit=unit, palette=palette, running=running)
