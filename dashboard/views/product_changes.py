"""Make products and change them: name, price, meters, what they grant each cycle."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.middleware import actor_of
from core.errors import DomainError
from credits import product_credits
from dashboard.product_forms import CreditFormSet, MeterPriceFormSet, ProductForm, of_credit, of_meter_price, of_price
from products import catalogue, versions
from products.models import Product

TEMPLATE = "dashboard/products/edit.html"
DESCRIBED = ("name", "description", "tax_category")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    forms = _forms(request, {}, [], [])
    if request.method != "POST" or not _are_valid(forms):
        return render(request, TEMPLATE, forms)
    try:
        price, credits = _wanted(forms)
        described = {name: forms["form"].cleaned_data[name] for name in DESCRIBED}
        made = product_credits.create_product(
            **described, price=price, credits=credits, actor=actor_of(request), now=timezone.now()
        )
    except DomainError as refusal:
        return _refused(request, forms, refusal)
    messages.success(request, _("%(name)s can be subscribed to.") % {"name": made.name})
    return redirect("dashboard:product", made.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    product = get_object_or_404(Product, public_id=public_id)
    latest = product.versions.select_related("product").order_by("-number")[0]
    had, held = versions.price_of(latest), product_credits.of_version(latest)
    shown = {name: getattr(product, name) for name in DESCRIBED} | of_price(had)
    forms = _forms(request, shown, [of_meter_price(one, had.currency) for one in had.meters], [of_credit(one) for one in held])
    forms["product"] = product
    if request.method != "POST" or not _are_valid(forms):
        return render(request, TEMPLATE, forms)
    try:
        price, credits = _wanted(forms)
        changes = {name: forms["form"].cleaned_data[name] for name in DESCRIBED}
        product_credits.change_product(
            product=product,
            changes=changes,
            price=price if price != had else None,
            credits=credits if credits != held else None,
            actor=actor_of(request),
            now=timezone.now(),
        )
    except DomainError as refusal:
        return _refused(request, forms, refusal)
    messages.success(request, _("Saved. What changed in the price applies from each subscription's next cycle on."))
    return redirect("dashboard:product", public_id)


def _forms(request: HttpRequest, shown: Any, meters: Any, credits: Any) -> dict[str, Any]:
    given = request.POST if request.method == "POST" else None
    return {
        "form": ProductForm(given, initial=shown),
        "meters": MeterPriceFormSet(given, initial=meters, prefix="meters"),
        "credits": CreditFormSet(given, initial=credits, prefix="credits"),
    }


def _are_valid(forms: dict[str, Any]) -> bool:
    """Check every form, so that all that is wrong is said at once."""
    judged = {name: forms[name].is_valid() for name in ("form", "meters", "credits")}
    return all(judged.values())


def _wanted(forms: dict[str, Any]) -> tuple[Any, Any]:
    """Give price and credits. Raises DomainError where a row cannot be read; the row says why."""
    currency = forms["form"].cleaned_data["currency"]
    rows = {
        name: [one.read(currency) for one in forms[name] if one.cleaned_data and not one.cleaned_data["DELETE"]]
        for name in ("meters", "credits")
    }
    if None in rows["meters"] or None in rows["credits"]:
        raise catalogue.PriceInvalid(_("Some rows cannot be read."))
    return forms["form"].price(tuple(rows["meters"])), rows["credits"]


def _refused(request: HttpRequest, forms: dict[str, Any], refusal: DomainError) -> HttpResponse:
    forms["form"].add_error(None, refusal.message)
    return render(request, TEMPLATE, forms)
