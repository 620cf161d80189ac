"""Show grants, their periods and the ledger in the back office, read-only: credit moves by grants, voids and invoices."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from credits.models import (  # type: ignore[attr-defined]
    CreditEntry,
    CreditGrant,
    CreditGrantHistory,
    GrantPeriod,
    LowBalance,
    ProductCredit,
    WalletEntry,
)


class GrantPeriodInline(RowsInline):
    model = GrantPeriod
    fields = ("starts_at", "ends_at", "settled_at")


class CreditEntryInline(RowsInline):
    model = CreditEntry
    fields = ("created_at", "kind", "amount", "invoice_id", "reason")


@admin.register(ProductCredit)
class ProductCreditAdmin(BackOfficeAdmin):
    list_display = ("price_version", "name", "kind", "amount", "meter", "currency")
    list_select_related = ("price_version", "meter")
    list_filter = (("price_version", AutocompleteSelectFilter),)


@admin.register(CreditGrant)
class CreditGrantAdmin(BackOfficeAdmin):
    list_display = ("public_id", "customer", "name", "kind", "amount", "currency", "meter", "effective_at", "voided_at")
    list_select_related = ("customer", "meter")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("customer", AutocompleteSelectFilter),
        ("meter", AutocompleteSelectFilter),
        ("voided_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("public_id__startswith", "name__icontains", "customer__public_id__startswith")
    inlines = (GrantPeriodInline,)


@admin.register(GrantPeriod)
class GrantPeriodAdmin(BackOfficeAdmin):
    list_display = ("grant", "starts_at", "ends_at", "settled_at")
    list_select_related = ("grant",)
    list_filter = (("grant", AutocompleteSelectFilter), ("settled_at", admin.EmptyFieldListFilter))
    inlines = (CreditEntryInline,)


@admin.register(CreditEntry)
class CreditEntryAdmin(BackOfficeAdmin):
    list_display = ("period", "kind", "amount", "invoice_id", "actor_kind", "actor_id", "created_at")
    list_select_related = ("period",)
    list_filter = (("kind", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("invoice_id__exact", "cause__startswith")


@admin.register(WalletEntry)
class WalletEntryAdmin(BackOfficeAdmin):
    list_display = ("public_id", "customer", "currency", "is_credit", "amount", "after_balance", "created_at")
    list_select_related = ("customer",)
    list_filter = (("customer", AutocompleteSelectFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("public_id__startswith",)


@admin.register(LowBalance)
class LowBalanceAdmin(BackOfficeAdmin):
    list_display = ("grant", "crossed_at", "recovered_at")
    list_select_related = ("grant",)
    list_filter = (("recovered_at", admin.EmptyFieldListFilter),)


@admin.register(CreditGrantHistory)
class CreditGrantHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "public_id", "amount", "voided_at", "who")
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))
