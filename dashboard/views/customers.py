"""Show customers, and all that belongs to one."""

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from customers.listing import CustomerFilter
from customers.models import Customer
from dashboard import customer_field
from dashboard.reading import customer_usage, grants, invoices, receivables, subscriptions
from dashboard.views.lists import render_list
from invoices import preview
from products.models import Subscription, SubscriptionStatus

LIVE = (SubscriptionStatus.PENDING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAUSED)
SHOWN_INVOICES = 12


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request,
        "dashboard/customers/list.html",
        CustomerFilter(request.GET, queryset=_with_counts()),
        controls=("search", "archived"),
    )


@require_safe
def choices(request: HttpRequest) -> HttpResponse:
    """Answer the options of a field that names one customer, as it is typed into."""
    typed = request.GET.get(request.GET.get("parameter", ""), "").strip()
    return render(request, "components/customer_choices.html", {"choices": customer_field.choices(typed)})


def _with_counts() -> QuerySet[Customer]:
    live = (
        Subscription.objects.filter(customer=OuterRef("pk"), status__in=LIVE)
        .order_by().values("customer").annotate(number=Count("pk")).values("number")
    )  # fmt: skip
    return Customer.objects.annotate(subscription_count=Coalesce(Subquery(live), 0))


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    customer = get_object_or_404(Customer, public_id=public_id)
    now = timezone.now()
    shown = list(preview.of_customers([customer.pk], now=now).values())
    return render(
        request,
        "dashboard/customers/detail.html",
        {
            "customer": customer,
            "subscriptions": subscriptions.of_customer(customer, now=now),
            "usage": customer_usage.running(shown, now=now),
            "grants": grants.of_customer(customer, now=now, previews=shown),
            "owed": receivables.of_customer(customer, at=now),
            "invoices": invoices.listed().filter(customer=customer).order_by("-id")[:SHOWN_INVOICES],
        },
    )
