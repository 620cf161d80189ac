"""Show subscriptions with their running cycle, and the whole story of one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.reading import invoices, subscriptions
from dashboard.views.lists import render_list
from invoices import aside, preview, sheets
from products import change
from products.listing import SubscriptionFilter
from products.models import Subscription

SHOWN_INVOICES = 24


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    rows = subscriptions.with_phases(Subscription.objects.all())
    now = timezone.now()
    return render_list(
        request,
        "dashboard/subscriptions/list.html",
        SubscriptionFilter(request.GET, queryset=rows),
        controls=("search", "status", "product_id"),
        describe=lambda shown: subscriptions.running(shown, now=now),
    )


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    now = timezone.now()
    row = get_object_or_404(subscriptions.with_phases(Subscription.objects.all()), public_id=public_id)
    (running,) = subscriptions.running([row], now=now)
    shown = preview.running(row, now=now)
    return render(
        request,
        "dashboard/subscriptions/detail.html",
        {
            "subscription": row,
            "running": running,
            "scheduled": change.scheduled(row, now) if running.cycle else None,
            "trial": aside.trial(row, now=now),
            "pause": aside.pause(row, now=now),
            "preview": sheets.of_preview(shown) if shown else None,
            "invoices": invoices.listed().filter(subscription=row).order_by("-id")[:SHOWN_INVOICES],
            "now": now,
        },
    )
