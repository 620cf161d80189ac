"""Show what customers owe and for how long, as of any day, and hand it out as CSV."""

from collections.abc import Sequence
from datetime import datetime

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from core.deployment import billing_zone
from core.filtering import date_input
from core.money import CURRENCIES
from core.sheets import csv_lines
from dashboard.forms import CALENDAR
from dashboard.reading import receivables
from products.zones import date_at

ROWS = 50


class ReceivablesForm(forms.Form):
    """Of whom, and as of the end of which day of the billing zone; empty is everybody, now."""

    search = forms.CharField(
        label=_("Search"),
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, e-mail or id"), "autocomplete": "off", "data-search": ""}),
    )
    on = forms.DateField(label=_("As of"), required=False, widget=date_input(), validators=CALENDAR)

    def at(self, *, now: datetime) -> datetime:
        """Give the instant by which is judged what is owed. The form is valid."""
        return receivables.as_of(self.cleaned_data["on"], now=now, zone=billing_zone())


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    form = ReceivablesForm({"on": date_at(now, billing_zone()), **request.GET.dict()})
    if not form.is_valid():
        return render(request, "dashboard/receivables/page.html", {"form": form})
    at = form.at(now=now)
    currencies = receivables.by_currency(at)
    currency = _currency(request, currencies)
    shown = next((one for one in currencies if one.currency == currency), None)
    context = {
        "form": form,
        "is_now": at == now,
        "currency": currency,
        "currencies": sorted({currency, *(one.currency for one in currencies)} - {""}),
        "owed": shown,
        "bands": receivables.BANDS,
    }
    if shown:
        rows = receivables.debtors(at=at, currency=shown.currency, search=form.cleaned_data["search"])
        numbered = Paginator(rows, ROWS).get_page(request.GET.get("page"))
        context |= {"numbered": numbered, "rows": receivables.described(list(numbered.object_list))}
    return render(request, "dashboard/receivables/page.html", context)


def _currency(request: HttpRequest, owed: Sequence[receivables.Owed]) -> str:
    """Give the currency that is asked for, also where nothing is owed in it; else that of the most invoices, if there is one."""
    asked = request.GET.get("currency", "")
    return asked if asked in CURRENCIES else next((one.currency for one in owed), "")


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Write every invoice that is owed in one currency, with how long it is overdue."""
    form, currency = ReceivablesForm(request.GET), request.GET.get("currency", "")
    if not form.is_valid() or currency not in CURRENCIES:
        raise Http404
    now = timezone.now()
    at = form.at(now=now)
    written = csv_lines(header=receivables.COLUMNS, rows=receivables.lines(at=at, currency=currency))
    day = form.cleaned_data["on"] or date_at(now, billing_zone())
    headers = {"Content-Disposition": f'attachment; filename="receivables-{currency}-{day.isoformat()}.csv"'}
    return StreamingHttpResponse(written, content_type="text/csv; charset=utf-8", headers=headers)
