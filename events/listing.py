"""Filter lists of refused events and of conflicts, for pages and the API alike."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from access.models import ApiKey
from core.filtering import ANY, InstantFilter
from events.models import ConflictStatus, EventConflict, RefusedRequest, RejectedEvent, RejectedStatus
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


ANY_STATE = "any"


def state_filter(choices: Sequence[tuple[str, Any]]) -> django_filters.ChoiceFilter:
    """Keep what is in one state. A page begins with the open ones, so that "any" is a choice of its own."""
    return django_filters.ChoiceFilter(
        method="by_state", choices=[*choices, (ANY_STATE, ANY)], label=_("State"), empty_label=None
    )


class _Stateful(django_filters.FilterSet):
    def by_state(self, rows: QuerySet[Any], name: str, state: str) -> QuerySet[Any]:
        return rows if state == ANY_STATE else rows.filter(status=state)


class RejectedEventFilter(_Stateful):
    """start and end: by the first receipt, half-open. field: "-" for events that were refused as a whole."""

    code = _text(_("Code"))
    field = django_filters.CharFilter(method="by_field")
    customer = _text(_("Customer as sent"), field_name="customer_reference")
    event_name = _text(_("Event name"))
    event_id = _text(_("Event id"))
    request = django_filters.NumberFilter(field_name="request_id")
    key = key_filter("request__api_key")
    start = InstantFilter(field_name="request__first_received_at", lookup_expr="gte", label=_("From"))
    end = InstantFilter(field_name="request__first_received_at", lookup_expr="lt", label=_("To"), through=True)
    status = state_filter(RejectedStatus.choices)

    class Meta:
        model = RejectedEvent
        fields: list[str] = []

    def by_field(self, rows: QuerySet[RejectedEvent], name: str, field: str) -> QuerySet[RejectedEvent]:
        return rows.filter(field="" if field == "-" else field)


class RefusedRequestFilter(_Stateful):
    """start and end: by the first receipt, half-open. unread: only requests whose events were never looked at one by one."""

    code = _text(_("Code"))
    key = key_filter("api_key")
    start = InstantFilter(field_name="first_received_at", lookup_expr="gte", label=_("From"))
    end = InstantFilter(field_name="first_received_at", lookup_expr="lt", label=_("To"), through=True)
    unread = django_filters.BooleanFilter(method="by_unread", label=_("Refused as a whole"))
    status = state_filter(RejectedStatus.choices)

    class Meta:
        model = RefusedRequest
        fields: list[str] = []

    def by_unread(self, rows: QuerySet[RefusedRequest], name: str, wanted: bool) -> QuerySet[RefusedRequest]:
        return rows.filter(~Exists(RejectedEvent.objects.filter(request=OuterRef("pk")))) if wanted else rows


class ConflictFilter(_Stateful):
    """customer, event_name: as in either content's later sending. start and end: by the latest sending, half-open."""

    event_id = _text(_("Event id"), method="by_event_id")
    customer = _text(_("Customer as sent"), field_name="content__customer_id")
    event_name = _text(_("Event name"), field_name="content__event_name")
    key = key_filter("api_key")
    start = InstantFilter(field_name="latest_seen_at", lookup_expr="gte", label=_("From"))
    end = InstantFilter(field_name="latest_seen_at", lookup_expr="lt", label=_("To"), through=True)
    status = state_filter(ConflictStatus.choices)

    class Meta:
        model = EventConflict
        fields: list[str] = []

    def by_event_id(self, rows: QuerySet[EventConflict], name: str, event_id: str) -> QuerySet[EventConflict]:
        return rows.filter(event_id=identity(event_id))
