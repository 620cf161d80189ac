"""Show how the deployment is: what came in, what is due, what needs a person."""

from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from core.deployment import billing_zone
from core.money import to_major
from dashboard import charts
from dashboard.reading import first_steps, happenings, home, invoiced, meter_months, receivables
from dashboard.reading.invoiced import Invoiced
from dashboard.views.figures import HtmxHttpRequest, figure_response, palette_of


@vary_on_headers("HX-Request")
@require_safe
def page(request: HtmxHttpRequest) -> HttpResponse:
    now = timezone.now()
    context = _figures(now)
    if request.htmx:
        return render(request, "dashboard/home_figures.html", context)
    latest_invoices = list(home.latest_invoices())
    by_month = invoiced.by_month(now=now, zone=billing_zone())
    context |= {
        "by_month": by_month,
        "invoiced": _in_currency(by_month, request.GET.get("currency", "")),
        "concerns": home.concerns(now=now),
        "happenings": happenings.latest(),
        "next_billing": home.next_billing(now=now),
        "latest_invoices": latest_invoices,
        "steps": first_steps.standing() if not latest_invoices else [],
        "days": home.accepted_by_day(now=now),
        "busiest": meter_months.busiest(now=now),
    }
    return render(request, "dashboard/home.html", context)


def _figures(now: datetime) -> dict[str, Any]:
    subscription_count, customer_count = home.live_subscription_counts()
    return {
        "deliveries": home.deliveries(now=now),
        "rolling": home.rolling(now=now),
        "subscription_count": subscription_count,
        "customer_count": customer_count,
        "outstanding": receivables.by_currency(now),
        "issued": invoiced.by_month(now=now, zone=billing_zone(), months=1),
    }


@require_safe
def figure(request: HttpRequest) -> HttpResponse:
    points = [(day, Decimal(number)) for day, number in home.accepted_by_day(now=timezone.now())]
    series = [charts.Series(_("Accepted events"), points)]
    return figure_response(charts.usage(series=series, window="day", unit=_("events"), palette=palette_of(request), running=True))


def _in_currency(by_month: Sequence[Invoiced], currency: str) -> Invoiced | None:
    """Give the months of a currency; where nothing was invoiced in it, of the first one."""
    return next((one for one in by_month if one.currency == currency), by_month[0] if by_month else None)


@require_safe
def invoiced_figure(request: HttpRequest) -> HttpResponse:
    """Draw the months of one currency, in its major unit."""
    found = _in_currency(invoiced.by_month(now=timezone.now(), zone=billing_zone()), request.GET.get("currency", ""))
    currency = found.currency if found else ""
    points = [(datetime.combine(day, time.min), to_major(amount, currency)) for day, amount in found.months] if found else []
    series = [charts.Series(_("Invoiced"), points)]
    return figure_response(charts.usage(series=series, window="month", unit=currency, palette=palette_of(request), running=True))
