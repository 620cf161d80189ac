"""Give credit in the back office, and show its periods and ledger there, read-only: credit moves by grants, voids and invoices."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.actors import Actor
from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from access.history import acting
from credits import grants
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
    """A grant for one stretch of time is given here; renewing ones by the API, which knows the subscription."""

    list_display = ("public_id", "customer", "name", "kind", "amount", "currency", "meter", "effective_at", "voided_at")
    list_select_related = ("customer", "meter")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("customer", AutocompleteSelectFilter),
        ("meter", AutocompleteSelectFilter),
        ("voided_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("public_id__startswith", "name__icontains", "customer__public_id__startswith")
    autocomplete_fields = ("customer", "meter")
    made_with = (
        "customer",
        "kind",
        "meter",
        "currency",
        "amount",
        "applies_to",
        "priority",
        "effective_at",
        "expires_at",
        "rollover",
        "rollover_cap",
        "name",
    )
    inlines = (GrantPeriodInline,)

    def create(self, *, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        given = {name: content for name, content in fields.items() if name != "customer"}
        with acting(actor):
            return grants.create(customer=fields["customer"], grant=grants.GrantInput(**given), actor=actor, now=now)


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
    search_fields = ("invoice_id__exact", "cause__exact")


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
