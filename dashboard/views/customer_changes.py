"""Create, change and archive customers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from access.middleware import actor_of
from core.errors import DomainError
from customers import register
from customers.models import Customer
from dashboard.customer_forms import CustomerForm, of_customer
from events.models import RejectedEvent, RejectedStatus

TEMPLATE = "dashboard/customers/edit.html"


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    form = CustomerForm(request.POST or None, initial={"external_id": request.GET.get("external_id", "")})
    if request.method != "POST" or not form.is_valid():
        return render(request, TEMPLATE, {"form": form})
    try:
        made = register.create(fields=form.read(), actor=actor_of(request), now=timezone.now())
    except DomainError as refusal:
        form.refuse(refusal.field, refusal.message)
        return render(request, TEMPLATE, {"form": form})
    return _go_on(request, made)


def _go_on(request: HttpRequest, made: Customer) -> HttpResponse:
    """Lead to the events that were refused for want of this customer, if there are any: they can be replayed now."""
    sent_as = made.external_id or ""
    waiting = RejectedEvent.objects.filter(code="CUSTOMER_NOT_FOUND", status=RejectedStatus.OPEN, customer_reference=sent_as)
    if not sent_as or not waiting.exists():
        messages.success(request, _("%(name)s is created. Events for this customer are accepted.") % {"name": made.name})
        return redirect("dashboard:customer", made.public_id)
    messages.success(
        request, _("%(name)s is created. These events were refused before, and can be replayed now.") % {"name": made.name}
    )
    query = urlencode({"code": "CUSTOMER_NOT_FOUND", "customer": sent_as})
    return redirect(f"{reverse('dashboard:refused_events')}?{query}")


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    customer = get_object_or_404(Customer, public_id=public_id)
    form = CustomerForm(request.POST or None, initial=of_customer(customer))
    context = {"form": form, "customer": customer}
    if request.method != "POST" or not form.is_valid():
        return render(request, TEMPLATE, context)
    wanted = form.read()
    try:
        register.update(
            customer=customer,
            fields={name: wanted[name] for name in form.changed_data},
            actor=actor_of(request),
            now=timezone.now(),
        )
    except DomainError as refusal:
        form.refuse(refusal.field, refusal.message)
        return render(request, TEMPLATE, context)
    messages.success(request, _("Saved. Invoices that are issued already keep what they were issued with."))
    return redirect("dashboard:customer", public_id)


@require_POST
def archive(request: HttpRequest, public_id: str) -> HttpResponse:
    customer = get_object_or_404(Customer, public_id=public_id)
    register.archive(customer=customer, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("%(name)s is archived: new events are refused. Subscriptions go on.") % {"name": customer.name})
    return redirect("dashboard:customer", public_id)


@require_POST
def unarchive(request: HttpRequest, public_id: str) -> HttpResponse:
    customer = get_object_or_404(Customer, public_id=public_id)
    register.unarchive(customer=customer, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("%(name)s is active: events are accepted again.") % {"name": customer.name})
    return redirect("dashboard:customer", public_id)
