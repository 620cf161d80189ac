"""Show invoices and all that proves them in the back office, read-only: what is issued is frozen, drafts are billed by their verbs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.actors import Actor
from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from invoices import seller
from invoices.late_models import LateDecision, LateScan, LateUsage
from invoices.models import (  # type: ignore[attr-defined]
    Invoice,
    InvoiceCredit,
    InvoiceEvent,
    InvoiceLine,
    InvoiceTax,
    Seller,
    SellerHistory,
)
from invoices.remark_models import RemarkChange
from invoices.series_models import InvoiceSeries
from invoices.verification_models import Verification


class InvoiceLineInline(RowsInline):
    model = InvoiceLine
    fields = ("position", "kind", "description", "quantity", "chargeable_quantity", "unit_price", "amount")
    ordering_by = ("position",)


class InvoiceTaxInline(RowsInline):
    model = InvoiceTax
    fields = ("rate", "taxable_amount", "amount")


class InvoiceCreditInline(RowsInline):
    model = InvoiceCredit
    fields = ("public_id", "period", "applies_to", "amount")
    related = ("period",)


class InvoiceEventInline(RowsInline):
    model = InvoiceEvent
    fields = ("created_at", "from_status", "to_status", "actor_kind", "actor_id", "reason")


@admin.register(Seller)
class SellerAdmin(BackOfficeAdmin):
    list_display = ("name", "email", "tax_id", "default_tax_rate", "payment_terms_days")
    editable = (
        "name",
        "email",
        "tax_id",
        "street",
        "city",
        "state",
        "zipcode",
        "country",
        "default_tax_rate",
        "payment_terms_days",
        "invoice_footer",
    )
    shown = editable

    def update(self, *, row: Any, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        return seller.change(fields=fields, actor=actor)


@admin.register(InvoiceSeries)
class InvoiceSeriesAdmin(BackOfficeAdmin):
    list_display = ("series", "year", "latest_number", "latest_issued_at")


@admin.register(Invoice)
class InvoiceAdmin(BackOfficeAdmin):
    list_display = ("public_id", "number", "status", "kind", "customer", "period_end", "total", "currency", "issued_at")
    list_select_related = ("customer", "subscription", "corrects", "series", "snapshot")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("customer", AutocompleteSelectFilter),
        ("issued_at", RangeDateTimeFilter),
    )
    search_fields = ("public_id__exact", "number__startswith", "customer__public_id__startswith")
    ordering = ("-created_at", "-id")
    inlines = (InvoiceLineInline, InvoiceTaxInline, InvoiceCreditInline, InvoiceEventInline)


@admin.register(InvoiceLine)
class InvoiceLineAdmin(BackOfficeAdmin):
    list_display = ("public_id", "invoice", "position", "kind", "description", "quantity", "amount")
    list_select_related = ("invoice", "meter", "snapshot", "adjusts")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("meter", AutocompleteSelectFilter),
        ("invoice", AutocompleteSelectFilter),
    )
    search_fields = ("public_id__exact", "invoice__number__startswith")


@admin.register(InvoiceTax)
class InvoiceTaxAdmin(BackOfficeAdmin):
    list_display = ("invoice", "rate", "taxable_amount", "amount")
    list_select_related = ("invoice",)
    list_filter = (("invoice", AutocompleteSelectFilter),)


@admin.register(InvoiceCredit)
class InvoiceCreditAdmin(BackOfficeAdmin):
    list_display = ("public_id", "invoice", "line", "period", "applies_to", "amount")
    list_select_related = ("invoice", "line", "period")
    list_filter = (("invoice", AutocompleteSelectFilter),)
    search_fields = ("public_id__exact",)


@admin.register(InvoiceEvent)
class InvoiceEventAdmin(BackOfficeAdmin):
    list_display = ("invoice", "from_status", "to_status", "actor_kind", "actor_id", "created_at")
    list_select_related = ("invoice",)
    list_filter = (("invoice", AutocompleteSelectFilter), ("to_status", ChoicesDropdownFilter))


@admin.register(RemarkChange)
class RemarkChangeAdmin(BackOfficeAdmin):
    list_display = ("invoice", "remark", "before", "after", "actor_kind", "actor_id", "created_at")
    list_select_related = ("invoice",)
    list_filter = (("invoice", AutocompleteSelectFilter),)


@admin.register(Verification)
class VerificationAdmin(BackOfficeAdmin):
    list_display = ("invoice", "verified_at", "holds")
    list_select_related = ("invoice",)
    list_filter = ("holds", ("invoice", AutocompleteSelectFilter))


@admin.register(SellerHistory)
class SellerHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "name", "who")


@admin.register(LateUsage)
class LateUsageAdmin(BackOfficeAdmin):
    list_display = ("customer", "meter", "period_start", "period_end", "state", "found_at")
    list_select_related = ("customer", "meter", "subscription", "snapshot")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("customer", AutocompleteSelectFilter),
        ("meter", AutocompleteSelectFilter),
    )


@admin.register(LateDecision)
class LateDecisionAdmin(BackOfficeAdmin):
    list_display = ("late", "verdict", "amount", "minimum_amount", "actor_kind", "actor_id", "created_at")
    list_select_related = ("late", "snapshot")
    list_filter = (("verdict", ChoicesDropdownFilter),)


@admin.register(LateScan)
class LateScanAdmin(BackOfficeAdmin):
    list_display = ("log_epoch", "log_xid", "searched_at")
