"""Begin subscriptions and change them: what is asked is shown with the invoice that it makes, and done once that is confirmed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.middleware import actor_of
from core.errors import DomainError
from customers.models import Customer
from dashboard import customer_field
from dashboard.reading import subscriptions
from dashboard.subscription_forms import ACTIONS, Ask, StartForm
from invoices import asked, sheets
from invoices.asked import Imagined
from invoices.sheets import Sheet
from products.models import Subscription


@dataclass(frozen=True)
class Seen:
    """What would follow, drawn as sheets: the invoice of this instant, and the next one as it would stand."""

    running: subscriptions.Running
    at_once: Sheet | None
    next: Sheet | None
    next_at: datetime | None


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    form = StartForm(request.POST or None, initial=_asked_for(request))
    if request.method != "POST" or not form.is_valid():
        return render(request, "dashboard/subscriptions/new.html", {"form": form})
    ask = form.ask(actor=actor_of(request), now=now)
    context = {"form": form, "title": _("New subscription"), "back": "", "subscription": None}
    return _carry_on(request, ask, form, context, "dashboard/subscriptions/new.html", now)


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """Fill the form in from a link, which names a customer by id; people read the name."""
    asked_for = request.GET.dict()
    found = Customer.objects.filter(public_id=asked_for.get("customer", "")).first()
    return asked_for | {"customer": customer_field.named([found])[0][0]} if found else asked_for


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, public_id: str) -> HttpResponse:
    now = timezone.now()
    rows = subscriptions.with_phases(Subscription.objects.all())
    subscription = get_object_or_404(rows, public_id=public_id)
    offered = {name: action for name, action in ACTIONS.items() if action.offered(subscription, now)}
    name = request.POST.get("action", "")
    chosen = offered.get(name)
    (running,) = subscriptions.running([subscription], now=now)
    had = {"product": running.product.public_id, "quantity": running.quantity}
    cards = [(key, action, _form(key, action.form, request if key == name else None, had)) for key, action in offered.items()]
    context = {"subscription": subscription, "running": running, "cards": cards}
    if chosen is None:
        return render(request, "dashboard/subscriptions/change.html", context)
    form = next(form for key, _action, form in cards if key == name)
    if not form.is_valid():
        return render(request, "dashboard/subscriptions/change.html", context)
    ask = chosen.ask(subscription, form.cleaned_data, actor=actor_of(request), now=now)
    context |= {"form": form, "action": name, "title": chosen.title, "is_danger": chosen.is_danger}
    return _carry_on(request, ask, form, context, "dashboard/subscriptions/change.html", now)


def _form(name: str, kind: type[forms.Form], request: HttpRequest | None, had: dict[str, Any]) -> forms.Form:
    return kind(request.POST if request else None, initial=had, auto_id=f"id_{name}_%s")


def _carry_on(
    request: HttpRequest, ask: Ask, form: forms.Form, context: dict[str, Any], template: str, now: datetime
) -> HttpResponse:
    """Show what would follow, or do it where that was confirmed; a refusal goes back to the form with its sentence."""
    actor = actor_of(request)
    try:
        if "confirmed" in request.POST:
            done = asked.carry_out(ask, actor=actor, now=now)
            messages.success(request, _("Done."))
            return redirect("dashboard:subscription", done.subscription.public_id)
        seen = asked.imagine(ask, actor=actor, now=now, read=lambda imagined: _seen(imagined, now))
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return render(request, template, context)
    return render(request, "dashboard/subscriptions/preview.html", context | {"seen": seen})


def _seen(imagined: Imagined, now: datetime) -> Seen:
    row = subscriptions.with_phases(Subscription.objects.all()).get(id=imagined.subscription.id)
    (running,) = subscriptions.running([row], now=now)
    return Seen(
        running=running,
        at_once=sheets.of_preview(imagined.at_once) if imagined.at_once else None,
        next=sheets.of_preview(imagined.next) if imagined.next else None,
        next_at=imagined.next.point.plan.at if imagined.next else None,
    )
