"""Filter lists of refused events and of conflicts, for pages and the API alike."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from access.models import ApiKey
from core.filtering import ANY, InstantFilter
from events.models import ConflictStatus, EventConflict, RejectedEvent, RejectedStatus
from events.validation import identity


def _text(label: Any, **options: Any) -> django_filters.CharFilter:
    return django_filters.CharFilter(label=label, widget=forms.TextInput(attrs={"autocomplete": "off"}), **options)


def key_filter(field_name: str) -> django_filters.ModelChoiceFilter:
    """Narrow a list to what one API key sent."""
    return django_filters.ModelChoiceFilter(
        field_name=field_name,
        to_field_name="public_id",
        queryset=ApiKey.objects.order_by("name", "id"),
        label=_("API key"),
        empty_label=ANY,
    )


class RejectedEventFilter(django_filters.FilterSet):
    """start and end: by the first receipt, half-open. field: "-" for events that were refused as a whole."""

    code = _text(_("Code"))
    field = django_filters.CharFilter(method="by_field")
    customer = _text(_("Customer as sent"), field_name="customer_reference")
    event_name = _text(_("Event name"))
    event_id = _text(_("Event id"))
    key = key_filter("request__api_key")
    start = InstantFilter(field_name="request__first_received_at", lookup_expr="gte", label=_("From"))
    end = InstantFilter(field_name="request__first_received_at", lookup_expr="lt", label=_("To"), through=True)
    status = django_filters.ChoiceFilter(choices=RejectedStatus.choices, label=_("State"), empty_label=ANY)

    class Meta:
        model = RejectedEvent
        fields: list[str] = []

    def by_field(self, rows: QuerySet[RejectedEvent], name: str, field: str) -> QuerySet[RejectedEvent]:
        return rows.filter(field="" if field == "-" else field)


class ConflictFilter(django_filters.FilterSet):
    """customer, event_name: as in either content's later sending. start and end: by the latest sending, half-open."""

    event_id = _text(_("Event id"), method="by_event_id")
    customer = _text(_("Customer as sent"), field_name="content__customer_id")
    event_name = _text(_("Event name"), field_name="content__event_name")
    key = key_filter("api_key")
    start = InstantFilter(field_name="latest_seen_at", lookup_expr="gte", label=_("From"))
    end = InstantFilter(field_name="latest_seen_at", lookup_expr="lt", label=_("To"), through=True)
    status = django_filters.ChoiceFilter(choices=ConflictStatus.choices, label=_("State"), empty_label=ANY)

    class Meta:
        model = EventConflict
        fields: list[str] = []

    def by_event_id(self, rows: QuerySet[EventConflict], name: str, event_id: str) -> QuerySet[EventConflict]:
        return rows.filter(event_id=identity(event_id))
