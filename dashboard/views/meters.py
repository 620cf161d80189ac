"""Show what is counted: meters, and for each its usage, its events and its customers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from dashboard.views.lists import render_list
from meters.listing import MeterFilter
from meters.models import Meter


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request,
        "dashboard/meters/list.html",
        MeterFilter(request.GET, queryset=Meter.objects.all()),
        controls=("search", "aggregation", "archived"),
    )


@require_safe
def overview(request: HttpRequest, public_id: str) -> HttpResponse:
    meter = get_object_or_404(Meter, public_id=public_id)
    return render(request, "dashboard/meters/overview.html", {"meter": meter})
