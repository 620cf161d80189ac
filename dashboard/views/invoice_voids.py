"""Void an invoice: say first what each outcome would do, then do the chosen one."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.actors import Actor
from access.middleware import actor_of
from core.errors import DomainError
from dashboard.invoice_forms import VoidForm
from invoices import void, void_preview
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice, VoidOutcome
from invoices.void_preview import Foreseen


@dataclass(frozen=True)
class Outcome:
    """One way to void an invoice, with what it would do, or why it cannot be done."""

    then: str
    foreseen: Foreseen | None
    refusal: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
def void_invoice(request: HttpRequest, public_id: str) -> HttpResponse:
    invoice = get_object_or_404(Invoice.objects.select_related("customer"), public_id=public_id)
    form, actor, now = VoidForm(request.POST or None), actor_of(request), timezone.now()
    if request.method == "POST" and form.is_valid():
        try:
            note = void.void(invoice=invoice, **form.cleaned_data, actor=actor, now=now)
        except DomainError as refused:
            form.add_error(None, refused.message)
        else:
            said = _("%(number)s is void. The credit note is %(note)s.") % {"number": invoice.number, "note": note.number}
            messages.success(request, said)
            return redirect("dashboard:invoice", public_id)
    outcomes = [_outcome(invoice, then, actor, now) for then in VoidOutcome.values]
    refusals = {one.refusal for one in outcomes}
    shown = {
        "refusal": refusals.pop() if len(refusals) == 1 else "",
        "invoice": invoice,
        "form": form,
        "outcomes": outcomes,
        "is_possible": any(one.foreseen for one in outcomes),
        "is_of_point": invoice.kind in KINDS_OF_POINTS,
    }
    return render(request, "dashboard/invoices/void.html", shown)


def _outcome(invoice: Invoice, then: str, actor: Actor, now: datetime) -> Outcome:
    try:
        return Outcome(then, void_preview.foresee(invoice=invoice, then=then, actor=actor, now=now))
    except DomainError as refused:
        return Outcome(then, None, refused.message)
