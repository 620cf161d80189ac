"""Show products, their prices and their subscriptions in the back office; terms change by a new version, never here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.actors import Actor
from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from access.history import acting
from products import catalogue
from products.models import (  # type: ignore[attr-defined]
    MeterPrice,
    NextPoint,
    OneTimeItem,
    PriceTier,
    PriceVersion,
    Product,
    ProductHistory,
    Subscription,
    SubscriptionHistory,
    SubscriptionMeter,
    SubscriptionPause,
    SubscriptionPhase,
    SubscriptionPhaseHistory,
)


class PriceVersionInline(RowsInline):
    model = PriceVersion
    fields = ("number", "effective_at", "currency", "fixed_price", "payment_frequency_interval", "payment_frequency_count")


class MeterPriceInline(RowsInline):
    model = MeterPrice
    fields = ("position", "meter", "price_model", "price_per_unit", "free_threshold", "minimum_amount", "maximum_amount")
    related = ("meter",)


class PriceTierInline(RowsInline):
    model = PriceTier
    fields = ("position", "up_to", "unit_price", "flat_amount")


class SubscriptionPhaseInline(RowsInline):
    model = SubscriptionPhase
    fields = ("first_cycle", "starts_at", "anchor_date", "interval_unit", "interval_count", "product")
    related = ("product",)


class SubscriptionMeterInline(RowsInline):
    model = SubscriptionMeter
    fields = ("meter", "during")
    related = ("meter",)


@admin.register(Product)
class ProductAdmin(BackOfficeAdmin):
    """A product is made with its price on the dashboard or by the API; what describes it may change here."""

    list_display = ("name", "public_id", "price_kind", "tax_category", "created_at", "archived_at")
    list_filter = (("price_kind", ChoicesDropdownFilter), ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name__icontains", "public_id__startswith")
    editable = ("name", "description", "tax_category", "metadata")
    shown = ("public_id", *editable, "price_kind", "created_at", "updated_at", "archived_at")
    inlines = (PriceVersionInline,)
    actions = ("archive", "unarchive")

    def update(self, *, row: Any, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        with acting(actor):
            return catalogue.update_product(product=row, changes=fields, now=now)

    @admin.action(description=_("Archive: sell no more"), permissions=["change"])
    def archive(self, request: HttpRequest, chosen: QuerySet[Product]) -> None:
        self.each(request, chosen, lambda product: catalogue.archive_product(product=product, now=timezone.now()))

    @admin.action(description=_("Sell again"), permissions=["change"])
    def unarchive(self, request: HttpRequest, chosen: QuerySet[Product]) -> None:
        self.each(request, chosen, lambda product: catalogue.unarchive_product(product=product, now=timezone.now()))


@admin.register(PriceVersion)
class PriceVersionAdmin(BackOfficeAdmin):
    list_display = ("product", "number", "effective_at", "currency", "fixed_price", "created_by")
    list_select_related = ("product",)
    list_filter = (("product", AutocompleteSelectFilter),)
    search_fields = ("product__name__icontains", "product__public_id__startswith")
    inlines = (MeterPriceInline,)


@admin.register(MeterPrice)
class MeterPriceAdmin(BackOfficeAdmin):
    list_display = ("price_version", "meter", "price_model", "price_per_unit", "free_threshold")
    list_select_related = ("price_version", "meter")
    list_filter = (("meter", AutocompleteSelectFilter), ("price_model", ChoicesDropdownFilter))
    inlines = (PriceTierInline,)


@admin.register(PriceTier)
class PriceTierAdmin(BackOfficeAdmin):
    list_display = ("meter_price", "position", "up_to", "unit_price", "flat_amount")
    list_select_related = ("meter_price",)


@admin.register(Subscription)
class SubscriptionAdmin(BackOfficeAdmin):
    list_display = ("public_id", "customer", "status", "currency", "start_at", "ends_at", "next_point__point_at")
    list_select_related = ("customer", "next_point")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("customer", AutocompleteSelectFilter),
        ("next_point__point_at", RangeDateTimeFilter),
    )
    search_fields = ("public_id__startswith", "customer__name__icontains", "customer__public_id__startswith")
    inlines = (SubscriptionPhaseInline, SubscriptionMeterInline)


@admin.register(NextPoint)
class NextPointAdmin(BackOfficeAdmin):
    list_display = ("subscription", "point", "point_at")
    list_select_related = ("subscription",)
    list_filter = (("subscription", AutocompleteSelectFilter), ("point_at", RangeDateTimeFilter))


@admin.register(SubscriptionPhase)
class SubscriptionPhaseAdmin(BackOfficeAdmin):
    list_display = ("subscription", "first_cycle", "starts_at", "anchor_date", "interval_unit", "interval_count", "product")
    list_select_related = ("subscription", "product")
    list_filter = (("subscription", AutocompleteSelectFilter), ("product", AutocompleteSelectFilter))


@admin.register(SubscriptionPause)
class SubscriptionPauseAdmin(BackOfficeAdmin):
    list_display = ("subscription", "during")
    list_select_related = ("subscription",)
    list_filter = (("subscription", AutocompleteSelectFilter),)


@admin.register(SubscriptionMeter)
class SubscriptionMeterAdmin(BackOfficeAdmin):
    list_display = ("customer", "meter", "subscription", "during")
    list_select_related = ("customer", "meter", "subscription")
    list_filter = (("customer", AutocompleteSelectFilter), ("meter", AutocompleteSelectFilter))


@admin.register(OneTimeItem)
class OneTimeItemAdmin(BackOfficeAdmin):
    list_display = ("subscription", "price_version", "quantity", "amount")
    list_select_related = ("subscription", "price_version")
    list_filter = (("subscription", AutocompleteSelectFilter),)


@admin.register(ProductHistory)
class ProductHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "name", "who")
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))


@admin.register(SubscriptionHistory)
class SubscriptionHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "public_id", "status", "ends_at", "who")
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))


@admin.register(SubscriptionPhaseHistory)
class SubscriptionPhaseHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "subscription", "first_cycle", "who")
    list_select_related = ("pgh_context", "subscription")
