"""Show the event log in the back office, read-only: what is to change is voided, replayed or dismissed where one sees why."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.backoffice import BackOfficeAdmin, RowsInline
from events.models import (
    DeliveryHour,
    DeliveryRefusal,
    Event,
    EventConflict,
    EventName,
    EventProperty,
    EventVoid,
    LogSnapshot,
    RefusedCompanions,
    RefusedRequest,
    RejectedEvent,
)
from events.validation import identity


class RejectedEventInline(RowsInline):
    model = RejectedEvent
    fields = ("index", "event_id", "customer_reference", "event_name", "code", "message", "status")


@admin.register(EventName)
class EventNameAdmin(BackOfficeAdmin):
    list_display = ("name", "first_received_at")
    search_fields = ("name__startswith",)
    ordering = ("name",)


@admin.register(EventProperty)
class EventPropertyAdmin(BackOfficeAdmin):
    list_display = ("event_name", "key", "string_count", "number_count", "boolean_count", "latest_at")
    list_select_related = ("event_name",)
    list_filter = (("event_name", AutocompleteSelectFilter),)
    search_fields = ("key__startswith",)


@admin.register(Event)
class EventAdmin(BackOfficeAdmin):
    """Newest first by arrival, or by timestamp where a customer or name is chosen: each order has its index.

    The search finds a whole event_id, through the key made of it; there is no index for a part of one.
    """

    list_display = ("event_id", "event_name", "customer", "timestamp", "received_at")
    list_select_related = ("event_name", "customer")
    list_filter = (
        ("customer", AutocompleteSelectFilter),
        ("event_name", AutocompleteSelectFilter),
        ("timestamp", RangeDateTimeFilter),
    )
    search_fields = ("event_id__exact",)
    search_help_text = "event_id"
    ordering = ("-log_epoch", "-log_xid", "-arrival")
    sortable_by: Sequence[str] = ()

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        narrowed = {"customer__id__exact", "event_name__id__exact"} & request.GET.keys()
        return ("-timestamp",) if narrowed else self.ordering

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Event], search_term: str) -> tuple[Any, bool]:
        return (queryset.filter(key=identity(search_term), event_id=search_term) if search_term else queryset), False


@admin.register(EventVoid)
class EventVoidAdmin(BackOfficeAdmin):
    list_display = ("event", "ordinal", "is_void", "reason", "actor_kind", "actor_id", "created_at")
    list_select_related = ("event",)
    list_filter = ("is_void", ("event", AutocompleteSelectFilter))


@admin.register(EventConflict)
class EventConflictAdmin(BackOfficeAdmin):
    list_display = ("event", "api_key", "seen_count", "latest_seen_at", "status")
    list_select_related = ("event", "api_key")
    list_filter = (("status", ChoicesDropdownFilter), ("event", AutocompleteSelectFilter))
    ordering = ("-latest_seen_at", "-pk")
    shown = (
        "event",
        "api_key",
        "content",
        "seen_count",
        "first_seen_at",
        "latest_seen_at",
        "status",
        "resolution",
        "resolved_at",
        "resolved_by",
        "replacement",
    )


@admin.register(RefusedRequest)
class RefusedRequestAdmin(BackOfficeAdmin):
    list_display = ("code", "api_key", "event_count", "body_size", "seen_count", "latest_received_at", "pruned_at")
    list_select_related = ("api_key",)
    list_filter = (("api_key", AutocompleteSelectFilter), ("latest_received_at", RangeDateTimeFilter))
    search_fields = ("code__startswith",)
    ordering = ("-latest_received_at", "-pk")
    shown = (
        "api_key",
        "http_status",
        "code",
        "message",
        "body_size",
        "event_count",
        "good_count",
        "seen_count",
        "first_received_at",
        "latest_received_at",
        "pruned_at",
        "status",
        "resolved_at",
        "resolved_by",
    )
    inlines = (RejectedEventInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")


@admin.register(RefusedCompanions)
class RefusedCompanionsAdmin(BackOfficeAdmin):
    list_display = ("request", "keys")
    list_select_related = ("request",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("request__body")


@admin.register(RejectedEvent)
class RejectedEventAdmin(BackOfficeAdmin):
    list_display = ("code", "event_id", "customer_reference", "event_name", "message", "status")
    list_select_related = ("request",)
    list_filter = (("status", ChoicesDropdownFilter),)
    search_fields = ("event_id__exact", "code__startswith")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("request__body")


@admin.register(DeliveryHour)
class DeliveryHourAdmin(BackOfficeAdmin):
    list_display = ("api_key", "hour", "accepted_count", "duplicate_count", "conflict_count", "latest_success_at")
    list_select_related = ("api_key",)
    list_filter = (("api_key", AutocompleteSelectFilter), ("hour", RangeDateTimeFilter))


@admin.register(DeliveryRefusal)
class DeliveryRefusalAdmin(BackOfficeAdmin):
    list_display = ("api_key", "hour", "code", "refused_count")
    list_select_related = ("api_key",)
    list_filter = (("api_key", AutocompleteSelectFilter), ("hour", RangeDateTimeFilter))
    search_fields = ("code__startswith",)


@admin.register(LogSnapshot)
class LogSnapshotAdmin(BackOfficeAdmin):
    list_display = ("id", "log_epoch", "snapshot", "taken_at")
