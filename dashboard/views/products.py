"""Show products with the terms in force, and every version of one."""

from django.contrib import messages
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.reading import terms
from dashboard.views.lists import render_list
from products import catalogue
from products.listing import ProductFilter
from products.models import MeterPrice, PriceTier, PriceVersion, Product, SubscriptionPhase


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    return render_list(
        request,
        "dashboard/products/list.html",
        ProductFilter(request.GET, queryset=_rows()),
        controls=("search", "price_kind", "archived"),
        describe=lambda products: [(product, terms.in_force(list(product.versions.all()), now=now)) for product in products],
    )


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    product = get_object_or_404(_rows(), public_id=public_id)
    now = timezone.now()
    versions = list(product.versions.all())
    return render(
        request,
        "dashboard/products/detail.html",
        {"product": product, "versions": versions[::-1], "current": terms.in_force(versions, now=now), "now": now},
    )


@require_POST
def archive(request: HttpRequest, public_id: str) -> HttpResponse:
    product = get_object_or_404(Product, public_id=public_id)
    try:
        catalogue.archive_product(product=product, now=timezone.now())
    except catalogue.ProductAlreadyArchived:
        messages.info(request, _("%(name)s was archived before.") % {"name": product.name})
    else:
        messages.success(request, _("%(name)s is sold no more; its subscriptions go on.") % {"name": product.name})
    return redirect("dashboard:product", public_id)


@require_POST
def unarchive(request: HttpRequest, public_id: str) -> HttpResponse:
    product = get_object_or_404(Product, public_id=public_id)
    try:
        catalogue.unarchive_product(product=product, now=timezone.now())
    except catalogue.ProductNotArchived:
        messages.info(request, _("%(name)s was not archived.") % {"name": product.name})
    else:
        messages.success(request, _("%(name)s is sold again.") % {"name": product.name})
    return redirect("dashboard:product", public_id)


def _rows() -> QuerySet[Product]:
    prices = MeterPrice.objects.select_related("meter").order_by("position")
    tiers = PriceTier.objects.order_by("position")
    versions = PriceVersion.objects.order_by("number").prefetch_related(
        Prefetch("meter_prices", queryset=prices.prefetch_related(Prefetch("tiers", queryset=tiers))), "credits__meter"
    )
    live = (
        SubscriptionPhase.objects.filter(product=OuterRef("pk"), subscription__status__in=["active", "paused", "pending"])
        .order_by().values("product").annotate(number=Count("subscription", distinct=True)).values("number")
    )  # fmt: skip
    return Product.objects.annotate(subscriber_count=Coalesce(Subquery(live), 0)).prefetch_related(
        Prefetch("versions", queryset=versions)
    )
