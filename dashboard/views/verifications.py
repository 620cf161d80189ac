"""Show what verifying invoices came to, and verify one at once, or a month of them as a job."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.middleware import actor_of
from core.periods import local_date
from dashboard.invoice_forms import MonthForm
from dashboard.paging import page
from dashboard.views.lists import filter_bar
from invoices import verify, verifying
from invoices.listing import VerificationFilter
from invoices.models import Invoice, InvoiceStatus
from invoices.verification_models import Verification

KEPT = 20


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    rows = Verification.objects.select_related("invoice__customer")
    filterset = VerificationFilter(request.GET, queryset=rows)
    shown = {
        "filter_bar": filter_bar(request, filterset, controls=("search", "state")),
        "page": page(filterset.qs, cursor=request.GET.get("cursor")),
        "form": MonthForm(today=local_date(timezone.now(), settings.BILLING_TIME_ZONE)),
    }
    return render(request, "dashboard/verifications/list.html", shown)


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    form = MonthForm(request.POST, today=local_date(now, settings.BILLING_TIME_ZONE))
    if not form.is_valid():
        messages.error(request, _("Choose one of the months."))
        return redirect("dashboard:verifications")
    job = verifying.begin(month=form.cleaned_data["month"], actor=actor_of(request), now=now)
    messages.success(request, _("The invoices are being verified. This page shows how far it is."))
    return redirect("dashboard:job", job.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show both answers of the latest verification and the results before it; POST verifies once more."""
    issued = Invoice.objects.exclude(status=InvoiceStatus.DRAFT).select_related("customer")
    invoice = get_object_or_404(issued, public_id=public_id)
    if request.method == "POST":
        verify.record(verify.verify(invoice), now=timezone.now())
        messages.success(request, _("Computed once more from the raw events."))
        return redirect("dashboard:invoice_verify", public_id)
    kept = list(invoice.verifications.order_by("-id")[:KEPT])
    latest = kept[0] if kept else None
    shown: dict[str, Any] = {"invoice": invoice, "kept": kept, "latest": latest}
    if latest:
        shown |= {"findings": _named(invoice, latest.findings), "since_then": _named(invoice, latest.since_then)}
    return render(request, "dashboard/verifications/detail.html", shown)


def _named(invoice: Invoice, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put beside each result the words of the line that it is about; none where it is about the whole invoice."""
    lines = dict(invoice.lines.values_list("public_id", "description"))
    return [{**one, "line": lines.get(one["line_id"], "")} for one in results]
