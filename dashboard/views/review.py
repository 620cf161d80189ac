"""Show drafts before they are issued, the largest changes first and what is odd about each, and issue the chosen ones."""

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.middleware import actor_of
from dashboard.views.lists import render_list
from invoices import issuing, review
from invoices.listing import InvoiceFilter
from invoices.models import Invoice

CONTROLS = ("search", "kind", "currency")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    filterset = InvoiceFilter(request.GET, queryset=review.drafts())
    describe = partial(review.described, now=timezone.now())
    order = ("-size", "-id")
    return render_list(request, "dashboard/review/list.html", filterset, controls=CONTROLS, order=order, describe=describe)


@require_POST
def issue_chosen(request: HttpRequest) -> HttpResponse:
    """Issue the chosen drafts and show what became of each; many as a job."""
    now, actor = timezone.now(), actor_of(request)
    chosen = list(Invoice.objects.filter(public_id__in=request.POST.getlist("invoice")).select_related("customer"))
    if not chosen:
        messages.info(request, _("Choose the drafts to issue first."))
        return redirect("dashboard:review")
    if len(chosen) > issuing.AT_ONCE:
        job = issuing.begin(drafts=chosen, actor=actor, now=now)
        messages.success(request, _("The drafts are being issued. This page shows how far it is."))
        return redirect("dashboard:job", job.public_id)
    outcomes = issuing.issue_each(drafts=chosen, actor=actor, now=now)
    return render(request, "dashboard/review/issued.html", {"outcomes": outcomes})
