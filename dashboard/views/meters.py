"""Show what is counted: meters, and for each its usage over time and by customer."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from core.periods import Period
from customers.models import Customer
from dashboard import charts
from dashboard.forms import RangeForm
from dashboard.reading import events, meter_usage, meters, zero
from dashboard.reading.ranges import LABELS, Range
from dashboard.views.figures import HtmxHttpRequest, figure_response, palette_of
from dashboard.views.lists import render_list
from events.log import Filters
from meters import series, stored
from meters.listing import MeterFilter
from meters.models import Meter
from meters.series import Question, RangeTooLarge, UsageRow
from meters.windows import Window

OFFERED_CUSTOMERS = 100
ROWS = 50


@dataclass(frozen=True)
class Asked:
    """What a meter's page is asked to show."""

    meter: Meter
    form: RangeForm
    chosen: Range
    window: Window
    customer: Customer | None
    now: datetime


def _asked(request: HttpRequest, public_id: str) -> Asked:
    now = timezone.now()
    form = RangeForm(request.GET)
    chosen = form.chosen(now=now)
    window = request.GET.get("window", "")
    given = request.GET.get("customer_id")
    return Asked(
        meter=get_object_or_404(Meter, public_id=public_id),
        form=form,
        chosen=chosen,
        window=cast(Window, window) if window in chosen.windows else chosen.windows[0],
        customer=get_object_or_404(Customer, public_id=given) if given else None,
        now=now,
    )


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
    asked = _asked(request, public_id)
    context = {"tab": "overview", **_heading(asked)}
    try:
        used = meter_usage.by_customer(asked.meter, asked.chosen, now=asked.now)
        context |= _figures(asked, used)
        if request.htmx:
            return render(request, "dashboard/meters/figures.html", context)
        context["windows"] = _windows(asked)
    except RangeTooLarge as refusal:
        return render(request, "dashboard/meters/overview.html", context | {"refusal": refusal.message})
    offered = Customer.objects.in_bulk([one.customer_id for one in used[:OFFERED_CUSTOMERS]])
    chosen = {asked.customer.pk: asked.customer} if asked.customer else {}
    asked.form.offer(({**chosen, **offered}).values())
    if not context["event_count"]:
        period = next(
            (one.period for one in used if asked.customer and one.customer_id == asked.customer.pk), asked.chosen.period
        )
        context["panel"] = zero.panel(meter=asked.meter, customer=asked.customer, period=period)
    return render(request, "dashboard/meters/overview.html", context)


def _heading(asked: Asked) -> dict[str, object]:
    return {
        "meter": asked.meter,
        "form": asked.form,
        "chosen": asked.chosen,
        "chosen_label": _(LABELS[asked.chosen.key]),
        "window": asked.window,
        "window_labels": [(window, WINDOW_LABELS[window]) for window in asked.chosen.windows],
        "customer": asked.customer,
        "zone": settings.BILLING_TIME_ZONE,
        "standing": meters.standing(asked.meter),
    }


WINDOW_LABELS = {"hour": lazy("Hours"), "day": lazy("Days"), "week": lazy("Weeks"), "month": lazy("Months")}


def _figures(asked: Asked, used: list[meter_usage.CustomerUsage]) -> dict[str, object]:
    mine = [one for one in used if asked.customer is None or one.customer_id == asked.customer.pk]
    customer_id = asked.customer.pk if asked.customer else None
    before = series.total(meter_id=asked.meter.pk, period=asked.chosen.before, customer_id=customer_id)
    return {
        "total": meter_usage.total(mine),
        "before": before.quantity,
        "event_count": sum(one.event_count for one in mine),
        "customer_count": sum(1 for one in mine if one.event_count),
        "latest_at": max((one.latest_at for one in mine if one.latest_at), default=None),
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
    asked = _asked(request, public_id)
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


@require_safe
def by_customer(request: HttpRequest, public_id: str) -> HttpResponse:
    asked = _asked(request, public_id)
    context = {"tab": "customers", **_heading(asked)}
    try:
        used = meter_usage.by_customer(asked.meter, asked.chosen, now=asked.now)
    except RangeTooLarge as refusal:
        return render(request, "dashboard/meters/customers.html", context | {"refusal": refusal.message})
    page = Paginator(used, ROWS).get_page(request.GET.get("page"))
    rows = meter_usage.rows(asked.meter, list(page.object_list), asked.chosen, now=asked.now)
    return render(
        request, "dashboard/meters/customers.html", context | {"rows": rows, "numbered": page, "total": meter_usage.total(used)}
    )


@require_safe
def matched(request: HttpRequest, public_id: str) -> HttpResponse:
    asked = _asked(request, public_id)
    definition = stored.definitions([asked.meter.pk])[asked.meter.pk]
    wanted = Filters(
        customer_id=asked.customer.pk if asked.customer else None, start=asked.chosen.period.start, end=asked.chosen.period.end
    )
    page = events.page(
        wanted=events.matched_by(definition, wanted),
        cursor=request.GET.get("cursor"),
        moment=request.GET.get("moment"),
        counted_by=definition,
    )
    return render(request, "dashboard/meters/events.html", {"tab": "events", **_heading(asked), "page": page})
