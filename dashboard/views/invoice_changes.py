"""Do to one invoice what its page offers: write on a draft, issue it, mark as paid and back."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from access.middleware import actor_of
from core.errors import DomainError
from dashboard.event_forms import ReasonForm
from dashboard.invoice_forms import PaymentForm, RemarksForm
from dashboard.views.invoices import shown
from invoices import issuing, payment, remarks
from invoices.models import Invoice


@require_POST
def remark(request: HttpRequest, public_id: str) -> HttpResponse:
    form = RemarksForm(request.POST)
    if not form.is_valid():
        return shown(request, public_id, remarks_form=form)
    draft, texts, actor = get_object_or_404(Invoice, public_id=public_id), form.remarks(), actor_of(request)
    return _done(request, draft, lambda: remarks.write(draft=draft, remarks=texts, actor=actor, now=timezone.now()), _("Kept."))


@require_POST
def issue_now(request: HttpRequest, public_id: str) -> HttpResponse:
    draft = get_object_or_404(Invoice, public_id=public_id)
    outcome = issuing.issue_one(draft=draft, actor=actor_of(request), now=timezone.now())
    if outcome.code:
        messages.error(request, outcome.message)
    else:
        messages.success(request, _("Issued as %(number)s.") % {"number": outcome.number})
    return redirect("dashboard:invoice", public_id)


@require_POST
def pay(request: HttpRequest, public_id: str) -> HttpResponse:
    form = PaymentForm(request.POST)
    if not form.is_valid():
        return shown(request, public_id, payment_form=form)
    invoice, actor, reason = get_object_or_404(Invoice, public_id=public_id), actor_of(request), form.cleaned_data["reason"]
    paid = _("Marked as paid.")
    return _done(request, invoice, lambda: payment.pay(invoice=invoice, actor=actor, now=timezone.now(), reason=reason), paid)


@require_POST
def unpay(request: HttpRequest, public_id: str) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return shown(request, public_id, payment_form=form)
    invoice, actor, reason = get_object_or_404(Invoice, public_id=public_id), actor_of(request), form.cleaned_data["reason"]
    back = _("The invoice is to be paid again.")
    return _done(request, invoice, lambda: payment.unpay(invoice=invoice, actor=actor, now=timezone.now(), reason=reason), back)


def _done(request: HttpRequest, invoice: Invoice, change: Callable[[], object], sentence: str) -> HttpResponse:
    """Make the change and show the page again, with what came of it."""
    try:
        change()
    except DomainError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, sentence)
    return redirect("dashboard:invoice", invoice.public_id)
