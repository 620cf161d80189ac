"""Mark several invoices as paid at once: first what is chosen adds up to, beside the bank's figure, then what became of each."""

from collections.abc import Sequence

from django.contrib import messages
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from access.actors import Actor
from access.middleware import actor_of
from dashboard.invoice_forms import PaymentForm
from dashboard.reading import invoices
from invoices import payment
from invoices.models import Invoice, InvoiceKind, InvoiceStatus

MOST = 200


@require_http_methods(["GET", "HEAD", "POST"])
def pay_chosen(request: HttpRequest) -> HttpResponse:
    """Show what is chosen and its sums, then mark it as paid with one reference."""
    asked = request.POST if request.method == "POST" else request.GET
    number, rows = len(_chosen(asked)), _payable(asked)
    if not rows:
        sentence = (
            _("None of the chosen invoices asks for a payment any more.")
            if number
            else _("Choose the invoices that were paid first.")
        )
        messages.info(request, sentence)
        return _to_be_paid()
    left_out = number - len(rows)
    form = PaymentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if left_out:
            messages.warning(request, _left_out(left_out))
        _pay(request, rows.order_by("id"), reason=form.cleaned_data["reason"], actor=actor_of(request))
        return _to_be_paid()
    sums = rows.order_by().values("currency").annotate(owed=Sum("due"), number=Count("id")).order_by("currency")
    context = {"rows": rows, "sums": sums, "form": form, "left_out": _left_out(left_out)}
    return render(request, "dashboard/invoices/pay.html", context)


def _chosen(asked: QueryDict) -> Sequence[str]:
    return list(dict.fromkeys(asked.getlist("invoice")))[:MOST]


def _payable(asked: QueryDict) -> QuerySet[Invoice]:
    """List those of the chosen that ask for a payment, what is due first at the top."""
    rows = invoices.listed().filter(public_id__in=_chosen(asked), status=InvoiceStatus.ISSUED)
    return rows.exclude(kind=InvoiceKind.CREDIT_NOTE).order_by("due_at", "id")


def _pay(request: HttpRequest, rows: QuerySet[Invoice], *, reason: str, actor: Actor) -> None:
    """Mark each as paid, in a transaction of its own; one that somebody else was faster with does not hold up the others."""
    paid = 0
    for invoice in rows:
        try:
            payment.pay(invoice=invoice, actor=actor, now=timezone.now(), reason=reason)
        except payment.InvoiceNotIssued as refused:
            messages.error(request, f"{invoice.number}: {refused.message}")
        else:
            paid += 1
    if paid:
        words = ngettext("%(n)s invoice is marked as paid.", "%(n)s invoices are marked as paid.", paid)
        messages.success(request, words % {"n": paid})


def _left_out(number: int) -> str:
    """Say how many of the chosen are left out; nothing where none is."""
    words = ngettext(
        "%(n)s of the chosen asks for no payment any more and is left out.",
        "%(n)s of the chosen ask for no payment any more and are left out.",
        number,
    )
    return words % {"n": number} if number else ""


def _to_be_paid() -> HttpResponse:
    return redirect(f"{reverse('dashboard:invoices')}?status={InvoiceStatus.ISSUED}")
