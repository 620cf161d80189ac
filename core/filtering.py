"""Give every list the same filter controls."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_filters.fields import IsoDateTimeField

from core.periods import local_midnight

DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

ANY = _("Any")
ACTIVE = _("Active")
ARCHIVED = _("Archived")


def search(method: str, label: str | Promise) -> django_filters.CharFilter:
    """Make the search box of a list. method: the FilterSet's method that narrows the rows; label: what is searched."""
    return django_filters.CharFilter(
        method=method,
        label=_("Search"),
        widget=forms.SearchInput(attrs={"placeholder": label, "data-search": "", "autocomplete": "off"}),
    )


def date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class InstantField(IsoDateTimeField):
    """Read RFC 3339, or a bare date as its midnight in the billing zone; with `through`, as the midnight that ends it."""

    def __init__(self, *args: Any, through: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.through = through

    def to_python(self, value: Any) -> datetime | None:
        # Django's own reading comes first in the parent, and takes a date for its midnight in the server's zone.
        if isinstance(value, str) and DATE.fullmatch(value.strip()):
            return self._midnight(value.strip())
        found: datetime | None = super().to_python(value)
        try:
            return found and found.astimezone(UTC)  # PostgreSQL refuses offsets that Python reads
        except OverflowError as error:
            raise self._invalid() from error

    def _midnight(self, text: str) -> datetime:
        try:
            day = date.fromisoformat(text)
            return local_midnight(day + timedelta(days=1) if self.through else day, settings.BILLING_TIME_ZONE)
        except (ValueError, OverflowError) as error:
            raise self._invalid() from error

    def _invalid(self) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages["invalid"], code="invalid")


class InstantFilter(django_filters.Filter):
    """Compare with an instant; see InstantField for what is read."""

    field_class = InstantField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, widget=date_input(), **kwargs)


def archived(field_name: str = "archived_at", *, yes: Any = ARCHIVED) -> django_filters.BooleanFilter:
    """Keep what has ended (true) or what has not (false), by an instant that is null until then."""
    choice = forms.Select(choices=[("", ANY), ("false", ACTIVE), ("true", yes)])
    return django_filters.BooleanFilter(
        field_name=field_name, lookup_expr="isnull", exclude=True, label=_("State"), widget=choice
    )


def reference(field_name: str) -> django_filters.CharFilter:
    """Narrow a list to what belongs to one row elsewhere, named by public id."""
    return django_filters.CharFilter(field_name=field_name)
