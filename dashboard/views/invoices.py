"""Show invoices: the list that finance works from, and each document."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from dashboard import sheets
from dashboard.reading import invoices
from dashboard.views.lists import render_list
from invoices.listing import InvoiceFilter

CONTROLS = ("search", "status", "kind", "currency", "period_start", "period_end")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    filterset = InvoiceFilter(request.GET, queryset=invoices.listed())
    return render_list(request, "dashboard/invoices/list.html", filterset, controls=CONTROLS)


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    rows = invoices.listed().select_related("subscription", "snapshot", "corrects")
    invoice = get_object_or_404(rows, public_id=public_id)
    return render(
        request,
        "dashboard/invoices/detail.html",
        {
            "invoice": invoice,
            "lines": sheets.lines_of(invoice),
            "taxes": invoice.taxes.order_by("rate", "id"),
            "credits": invoice.credits.filter(line=None).select_related("period__grant").order_by("id"),
            "events": invoice.events.order_by("id"),
        },
    )
