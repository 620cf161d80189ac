"""Show the credit of a customer and one grant with its history; give, top up and end grants."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.middleware import actor_of
from core.errors import DomainError
from credits import entering, grants
from credits.idempotency import IdempotencyKeyReused
from credits.models import CreditGrant
from customers.models import Customer
from dashboard.grant_forms import EndForm, GrantForm, ThresholdForm, TopUpForm
from dashboard.paging import page
from dashboard.reading import grants as reading
from invoices import low_balance

ROWS = CreditGrant.objects.select_related("customer", "meter", "subscription")


@require_safe
def ledger(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show everything that a customer holds, and every change of it."""
    customer = get_object_or_404(Customer, public_id=public_id)
    now = timezone.now()
    entries = page(reading.entries_of(customer), cursor=request.GET.get("cursor"), order=reading.NEWEST_FIRST)
    shown = {
        "customer": customer,
        "holdings": reading.of_customer(customer, now=now),
        "wallets": reading.wallets_of(customer, now=now),
        "page": entries,
        "rows": reading.history(entries.items),
    }
    return render(request, "dashboard/customers/credit.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, public_id: str) -> HttpResponse:
    customer = get_object_or_404(Customer, public_id=public_id)
    form = GrantForm(request.POST or None, customer=customer)
    made = _made(request, customer, form) if request.method == "POST" and form.is_valid() else None
    if made is None:
        return render(request, "dashboard/grants/new.html", {"form": form, "customer": customer})
    messages.success(request, _("Granted. Usage from its first instant on may draw on it."))
    return redirect("dashboard:grant", made.public_id)


def _made(request: HttpRequest, customer: Customer, form: GrantForm) -> CreditGrant | None:
    """Give the grant, or the one that the same form gave before; None where the form says what is wrong.

    A form that is sent again with other figures, as after going back to it, has given what it said first.
    """
    now = timezone.now()
    wanted = form.grant(now=now)
    if wanted is None:
        return None
    common: dict[str, Any] = {"actor": actor_of(request), "now": now}
    try:
        made = grants.create_once(customer=customer, grant=wanted, idempotency_key=form.cleaned_data["once"], **common)
    except IdempotencyKeyReused:
        form.refuse(None, _("This form gave a grant already, which said something else. Open it anew to give another."))
        return None
    except DomainError as refusal:
        form.refuse(refusal.field, refusal.message)
        return None
    low_balance.check(customer_ids=[customer.pk], now=now)
    return made


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    return _shown(request, get_object_or_404(ROWS, public_id=public_id))


def _shown(request: HttpRequest, grant: CreditGrant, **entered: forms.Form) -> HttpResponse:
    low = reading.in_its_form(grant, grant.low_balance_threshold)
    offered = {
        "top_up": TopUpForm(grant=grant, auto_id="id_top_up_%s"),
        "threshold": ThresholdForm(grant=grant, auto_id="id_low_%s", initial={"low_balance_threshold": low}),
        "end": EndForm(grant=grant, auto_id="id_end_%s"),
    }
    context = {"grant": grant, "shown": reading.one(grant, now=timezone.now()), **offered, **entered}
    return render(request, "dashboard/grants/detail.html", context)


@require_POST
def top_up(request: HttpRequest, public_id: str) -> HttpResponse:
    grant = get_object_or_404(ROWS, public_id=public_id)
    form = TopUpForm(request.POST, grant=grant, auto_id="id_top_up_%s")

    def act(common: dict[str, Any]) -> None:
        amount, found = form.number("amount"), form.cleaned_data
        if amount is None:
            return
        try:
            entering.top_up(grant=grant, amount=amount, reason=found["reason"], idempotency_key=found["once"], **common)
        except IdempotencyKeyReused:
            form.refuse(None, _("This form topped up already, with another amount or reason. Open the page anew to add more."))

    return _done(request, grant, "top_up", form, act, said=_("Topped up."))


@require_POST
def void(request: HttpRequest, public_id: str) -> HttpResponse:
    grant = get_object_or_404(ROWS, public_id=public_id)
    form = EndForm(request.POST, grant=grant, auto_id="id_end_%s")

    def act(common: dict[str, Any]) -> None:
        grants.void(grant=grant, reason=form.cleaned_data["reason"], **common)

    return _done(request, grant, "end", form, act, said=_("Ended. Usage from before may still draw on it, later usage may not."))


@require_POST
def threshold(request: HttpRequest, public_id: str) -> HttpResponse:
    grant = get_object_or_404(ROWS, public_id=public_id)
    form = ThresholdForm(request.POST, grant=grant, auto_id="id_low_%s")

    def act(_common: dict[str, Any]) -> None:
        low = form.number("low_balance_threshold")
        if not form.errors:
            grants.set_threshold(grant=grant, threshold=low)

    return _done(request, grant, "threshold", form, act, said=_("Saved."))


def _done(
    request: HttpRequest, grant: CreditGrant, name: str, form: Any, act: Callable[[dict[str, Any]], None], *, said: str
) -> HttpResponse:
    """Do what a form asks for, or show the page with what is wrong beside its fields."""
    now = timezone.now()
    if form.is_valid():
        try:
            act({"actor": actor_of(request), "now": now})
        except DomainError as refusal:
            form.refuse(refusal.field, refusal.message)
    if form.errors:
        return _shown(request, grant, **{name: form})
    low_balance.check(customer_ids=[grant.customer_id], now=now)
    messages.success(request, said)
    return redirect("dashboard:grant", grant.public_id)
