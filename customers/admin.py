"""Create, change and archive customers in the back office; nobody is deleted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from access.actors import Actor
from access.backoffice import BackOfficeAdmin, HistoryAdmin
from access.middleware import actor_of
from customers import register
from customers.models import Customer, CustomerHistory  # type: ignore[attr-defined]


@admin.register(Customer)
class CustomerAdmin(BackOfficeAdmin):
    list_display = ("name", "email", "public_id", "external_id", "country", "created_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("name__icontains", "email__icontains", "public_id__startswith", "external_id__startswith")
    editable = (
        "name",
        "email",
        "external_id",
        "phone_number",
        "preferred_locale",
        "street",
        "city",
        "state",
        "zipcode",
        "country",
        "tax_id",
        "tax_rate",
        "payment_terms_days",
        "metadata",
    )
    shown = ("public_id", *editable, "created_at", "updated_at", "archived_at", "erased_at")
    actions = ("archive", "unarchive")

    def create(self, *, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        return register.create(fields=fields, actor=actor, now=now)

    def update(self, *, row: Any, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        return register.update(customer=row, fields=fields, actor=actor, now=now)

    @admin.action(description=_("Archive: take no more events"), permissions=["change"])
    def archive(self, request: HttpRequest, chosen: QuerySet[Customer]) -> None:
        actor, now = actor_of(request), timezone.now()
        self.each(request, chosen, lambda customer: register.archive(customer=customer, actor=actor, now=now))

    @admin.action(description=_("Take events again"), permissions=["change"])
    def unarchive(self, request: HttpRequest, chosen: QuerySet[Customer]) -> None:
        actor, now = actor_of(request), timezone.now()
        self.each(request, chosen, lambda customer: register.unarchive(customer=customer, actor=actor, now=now))


@admin.register(CustomerHistory)
class CustomerHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "name", "email", "who")
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))
