"""Show invoices: the list that finance works from, and each document."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from access.middleware import actor_of
from dashboard.event_forms import ReasonForm
from dashboard.invoice_forms import PaymentForm, RemarksForm
from dashboard.reading import invoices
from dashboard.views.lists import render_list
from invoices import document, exports, pdf, preview, sheets, void
from invoices import export_job as jobs
from invoices.export import Rows
from invoices.listing import FilterRefused, InvoiceFilter, acted_on
from invoices.models import Invoice, InvoiceKind, InvoiceStatus

CONTROLS = ("search", "status", "kind", "currency", "period_start", "period_end")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    filterset = InvoiceFilter(request.GET, queryset=invoices.listed())
    beside = {"may_be_owed": request.GET.get("status", "") in ("", InvoiceStatus.ISSUED)}
    return render_list(request, "dashboard/invoices/list.html", filterset, controls=CONTROLS, beside=beside)


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    return shown(request, public_id)


def shown(
    request: HttpRequest,
    public_id: str,
    *,
    remarks_form: RemarksForm | None = None,
    payment_form: PaymentForm | ReasonForm | None = None,
) -> HttpResponse:
    """Show one invoice, with what was entered wrongly where something was."""
    now = timezone.now()
    rows = invoices.listed().select_related("subscription", "snapshot", "corrects")
    invoice = get_object_or_404(rows, public_id=public_id)
    is_draft = invoice.status == InvoiceStatus.DRAFT
    problem = ""
    try:
        sheet = sheets.of_preview(preview.of_draft(invoice, now=now)) if is_draft else sheets.of_issued(invoice)
    except preview.DraftNotComputable as unknown:
        sheet, problem = None, unknown.message
    is_paid = invoice.status == InvoiceStatus.PAID
    is_void = invoice.status == InvoiceStatus.VOID
    context = {
        "invoice": invoice,
        "credit_note": invoice.corrections.first() if is_void else None,
        "following": invoices.following(invoice) if is_void else None,
        "sheet": sheet,
        "problem": problem,
        "is_draft": is_draft,
        "now": now,
        "history": invoices.history(invoice),
        "verification": invoice.verifications.order_by("-id").first(),
        "can_pay": invoice.status == InvoiceStatus.ISSUED and invoice.kind != InvoiceKind.CREDIT_NOTE,
        "can_void": invoice.status in void.VOIDABLE and invoice.kind != InvoiceKind.CREDIT_NOTE,
        "can_unpay": is_paid and invoice.amount_paid > 0,
        "remarks_form": remarks_form or RemarksForm(initial={"memo": invoice.memo, "purchase_order": invoice.purchase_order}),
        "payment_form": payment_form or (ReasonForm() if is_paid else PaymentForm()),
    }
    return render(request, "dashboard/invoices/detail.html", context)


@require_POST
def export_job(request: HttpRequest) -> HttpResponse:
    """Export the filtered list as a job, or print a month's invoices."""
    actor, now, wanted = actor_of(request), timezone.now(), request.POST.get("as")
    try:
        if wanted == "pdf":
            job = jobs.begin_print(month=request.POST.get("month", ""), actor=actor, now=now)
        elif wanted in exports.FORMATS:
            rows: Rows = "lines" if request.POST.get("of") == "lines" else "invoices"
            job = jobs.begin_export(form=wanted, rows=rows, filters=request.GET.dict(), actor=actor, now=now)
        else:
            raise Http404
    except (jobs.MonthUnknown, FilterRefused) as refused:
        messages.error(request, refused.message)
        return redirect("dashboard:invoices")
    return redirect("dashboard:job", job.public_id)


@require_safe
def printed(request: HttpRequest, public_id: str) -> HttpResponse:
    invoice = get_object_or_404(document.ROWS, public_id=public_id)
    try:
        body = pdf.of_invoice(invoice, now=timezone.now())
    except preview.DraftNotComputable as unknown:
        messages.error(request, unknown.message)
        return redirect("dashboard:invoice", public_id)
    headers = {"Content-Disposition": f'inline; filename="{pdf.name(invoice)}"'}
    return HttpResponse(body, content_type=pdf.CONTENT_TYPE, headers=headers)


@require_safe
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Stream the filtered list; of=lines gives the lines of its invoices instead, as=xlsx or journal another form than CSV."""
    wanted = request.GET.get("as", "csv")
    if wanted not in exports.FORMATS:
        raise Http404
    rows: Rows = "lines" if request.GET.get("of") == "lines" else "invoices"
    try:
        found = acted_on(request.GET.dict(), Invoice.objects.all())
        file = exports.at_once(wanted, found, rows, made_at=timezone.now())
    except (exports.ExportTooLarge, FilterRefused) as refused:
        messages.error(request, refused.message)
        return redirect(f"{reverse('dashboard:invoices')}?{request.GET.urlencode()}")
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return StreamingHttpResponse(file.body, content_type=file.content_type, headers=headers)
