"""Show what is counted: meters, and for each its usage over time and by customer."""

from typing import cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from core.periods import Period
from customers.models import Customer
from dashboard import charts
from dashboard.reading import meter_usage, zero
from dashboard.reading.ranges import LABELS
from dashboard.views.figures import HtmxHttpRequest, figure_response, palette_of
from dashboard.views.lists import render_list
from dashboard.views.meter_asked import Asked, asked_of, heading
from meters import series
from meters.listing import MeterFilter
from meters.models import Meter
from meters.series import Question, RangeTooLarge, UsageRow

OFFERED_CUSTOMERS = 10


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request,
        "dashboard/meters/list.html",
        MeterFilter(request.GET, queryset=Meter.objects.all()),
        controls=("search", "aggregation", "archived"),
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
        context["windows"] = _windows(asked)
    except RangeTooLarge as refusal:
        return render(request, "dashboard/meters/overview.html", context | {"refusal": refusal.message})
    if asked.customer is None:
        greatest = Customer.objects.in_bulk([one.customer_id for one in used[:OFFERED_CUSTOMERS]])
        asked.form.offer(list(greatest.values()))
    if not context["event_count"]:
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


def _windows(asked: Asked) -> list[UsageRow]:
    """Read the windows that have begun: what is to come is no zero."""
    return [row for row in series.series(_question(asked, asked.chosen.period)) if row.start <= asked.now]


def _question(asked: Asked, period: Period) -> Question:
    return Question(
        meter_id=asked.meter.pk,
        period=period,
        window=asked.window,
        zone=settings.BILLING_TIME_ZONE,
        customer_id=asked.customer.pk if asked.customer else None,
    )


@require_safe
def figure(request: HttpRequest, public_id: str) -> HttpResponse:
    asked = asked_of(request, public_id)
    try:
        rows = _windows(asked)
        shown = [_series(str(_(LABELS[asked.chosen.key])), rows)]
        if asked.chosen.before.end > asked.chosen.before.start:
            shown.append(_earlier(asked, shown[0]))
    except RangeTooLarge as refusal:
        raise Http404(refusal.message) from refusal
    window = cast(charts.Window, asked.window)
    unit = asked.meter.measurement_unit
    running = bool(rows) and rows[-1].end > asked.now
    return figure_response(charts.usage(series=shown, window=window, unit=unit, palette=palette_of(request), running=running))


def _series(name: str, rows: list[UsageRow]) -> charts.Series:
    zone = ZoneInfo(settings.BILLING_TIME_ZONE)
    return charts.Series(name, [(row.start.astimezone(zone), row.quantity) for row in rows])


def _earlier(asked: Asked, shown: charts.Series) -> charts.Series:
    """Lay the stretch before under the bars, window by window."""
    rows = series.series(_question(asked, asked.chosen.before))
    points = [(start, row.quantity) for (start, _quantity), row in zip(shown.points, rows, strict=False)]
    return charts.Series(_("Before"), points, earlier=True)
