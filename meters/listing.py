"""Filter lists of meters, for pages and the API alike."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.filtering import ANY, archived, search
from meters.models import AggregationType, Meter


class MeterFilter(django_filters.FilterSet):
    """archived: "true" or "false"; left out, both.  search: part of a name or event name, or a whole id."""

    search = search("by_text", _("Name, event name or id"))
    aggregation = django_filters.ChoiceFilter(choices=AggregationType.choices, label=_("Aggregation"), empty_label=ANY)
    archived = archived()

    class Meta:
        model = Meter
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Meter], name: str, text: str) -> QuerySet[Meter]:
        return rows.filter(Q(name__icontains=text) | Q(event_name__icontains=text) | Q(public_id=text))
