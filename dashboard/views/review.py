"""Show drafts before they are issued, the largest changes first and what is odd about each, and issue the chosen ones."""

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.middleware import actor_of
from dashboard.views.lists import render_list
from invoices import issuing, review
from invoices.listing import DraftFilter, FilterRefused
from invoices.models import Invoice, InvoiceStatus
from invoices.review import Flags, InCurrency

CONTROLS = ("search", "kind")
LARGEST_FIRST = ("-size", "-id")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    currencies = _currencies(request.GET)
    chosen = _chosen(request.GET, currencies)
    asked = request.GET.copy()
    if chosen:
        asked["currency"] = chosen.currency
    filterset = DraftFilter(asked, queryset=review.drafts())
    describe = partial(review.described, now=timezone.now())
    # Counted by the template, behind the look at this page's drafts.
    beside = {"currencies": currencies, "chosen": chosen, "counted": partial(_flags, asked)}
    template = "dashboard/review/list.html"
    return render_list(request, template, filterset, controls=CONTROLS, order=LARGEST_FIRST, describe=describe, beside=beside)


def _currencies(asked: QueryDict) -> list[InCurrency]:
    """Count what the filters find, in each currency."""
    others = asked.copy()
    others.pop("currency", None)
    return review.by_currency(DraftFilter(others, queryset=Invoice.objects.filter(status=InvoiceStatus.DRAFT)).qs)


def _chosen(asked: QueryDict, currencies: list[InCurrency]) -> InCurrency | None:
    """Give the currency that is looked at: the one asked for, or the one with the most drafts."""
    found = [one for one in currencies if one.currency == asked.get("currency")]
    return next(iter(found or currencies), None)


def _flags(asked: QueryDict) -> Flags:
    """Count what the other filters find by what is odd."""
    others = asked.copy()
    others.pop("odd", None)
    return review.by_flag(DraftFilter(others, queryset=Invoice.objects.filter(status=InvoiceStatus.DRAFT)).qs)


@require_POST
def issue_chosen(request: HttpRequest) -> HttpResponse:
    """Issue the chosen drafts and show what became of each; many, or all that the filters find, as a job."""
    now, actor = timezone.now(), actor_of(request)
    if "all" in request.POST:
        if request.GET.get("currency") not in [one.currency for one in _currencies(request.GET)]:
            messages.info(request, _("Choose the currency whose drafts are to be issued first."))
            return redirect("dashboard:review")
        try:
            job = issuing.begin_all(filters=request.GET.dict(), actor=actor, now=now)
        except FilterRefused as refused:
            messages.error(request, refused.message)
            return redirect("dashboard:review")
        return _begun(request, job.public_id)
    chosen = list(Invoice.objects.filter(public_id__in=request.POST.getlist("invoice")).select_related("customer"))
    if not chosen:
        messages.info(request, _("Choose the drafts to issue first."))
        return redirect("dashboard:review")
    if len(chosen) > issuing.AT_ONCE:
        return _begun(request, issuing.begin(drafts=chosen, actor=actor, now=now).public_id)
    outcomes = issuing.issue_each(drafts=chosen, actor=actor, now=now)
    return render(request, "dashboard/review/issued.html", {"outcomes": outcomes})


def _begun(request: HttpRequest, job: str) -> HttpResponse:
    messages.success(request, _("The drafts are being issued. This page shows how far it is."))
    return redirect("dashboard:job", job)
