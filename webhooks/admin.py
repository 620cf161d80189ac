"""Show endpoints, messages and their delivery in the back office; endpoints are changed on the dashboard and over the API."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEndpointHistory, WebhookMessage  # type: ignore[attr-defined]


class WebhookAttemptInline(RowsInline):
    model = WebhookAttempt
    fields = ("attempted_at", "duration_ms", "response_status", "error")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(BackOfficeAdmin):
    """Neither the secret nor the headers are shown here."""

    list_display = ("url", "public_id", "description", "created_at", "disabled_at")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter),)
    search_fields = ("url__icontains", "public_id__startswith")
    shown = (
        "public_id",
        "url",
        "description",
        "filter_types",
        "metadata",
        "rate_limit",
        "disabled_at",
        "created_at",
        "updated_at",
    )


@admin.register(WebhookMessage)
class WebhookMessageAdmin(BackOfficeAdmin):
    list_display = ("public_id", "event_type", "created_at")
    list_filter = (("created_at", RangeDateTimeFilter),)
    search_fields = ("public_id__startswith", "cause__startswith")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(BackOfficeAdmin):
    list_display = ("message", "endpoint", "status", "attempt_count", "next_attempt_at", "delivered_at")
    list_select_related = ("message", "endpoint")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("endpoint", AutocompleteSelectFilter),
        ("message", AutocompleteSelectFilter),
    )
    inlines = (WebhookAttemptInline,)


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(BackOfficeAdmin):
    list_display = ("delivery_id", "attempted_at", "duration_ms", "response_status")
    list_select_related = ("delivery",)
    list_filter = (("attempted_at", RangeDateTimeFilter),)


@admin.register(WebhookEndpointHistory)
class WebhookEndpointHistoryAdmin(HistoryAdmin):
    """Headers may hold the receiver's token; they are shown by the API to keys of scope write only."""

    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))
    hidden = ("headers",)
