"""Show how the deployment is: what came in, what is due, what needs a person."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from core.periods import local_date, local_midnight
from dashboard import charts
from dashboard.reading import happenings, home, meter_months
from dashboard.views.figures import HtmxHttpRequest, figure_response, palette_of


@vary_on_headers("HX-Request")
@require_safe
def page(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    context = _figures(now)
    if request.htmx:
        return render(request, "dashboard/home_figures.html", context)
    context |= {
        "concerns": home.concerns(now=now),
        "happenings": happenings.latest(),
        "next_billing": home.next_billing(now=now),
        "latest_invoices": home.latest_invoices(),
        "days": home.accepted_by_day(now=now),
        "busiest": meter_months.busiest(now=now),
    }
    return render(request, "dashboard/home.html", context)


def _figures(now: datetime) -> dict[str, Any]:
    zone = settings.BILLING_TIME_ZONE
    month = local_midnight(local_date(now, zone).replace(day=1), zone)
    subscription_count, customer_count = home.live_subscription_counts()
    return {
        "deliveries": home.deliveries(now=now),
        "rolling": home.rolling(now=now),
        "subscription_count": subscription_count,
        "customer_count": customer_count,
        "outstanding": home.outstanding(),
        "issued": home.issued_since(month),
    }


@require_safe
def figure(request: HttpRequest) -> HttpResponse:
    points = [(day, Decimal(number)) for day, number in home.accepted_by_day(now=timezone.now())]
    series = [charts.Series(_("Accepted events"), points)]
    return figure_response(charts.usage(series=series, window="day", unit=_("events"), palette=palette_of(request), running=True))
