"""Filter lists of API keys."""

import django_filters
from django.utils.translation import gettext_lazy as _

from access.models import ApiKey, Scope
from core.filtering import ANY, archived


class ApiKeyFilter(django_filters.FilterSet):
    scope = django_filters.ChoiceFilter(choices=Scope.choices, label=_("Scope"), empty_label=ANY)
    revoked = archived("revoked_at", yes=_("Revoked"))

    class Meta:
        model = ApiKey
        fields: list[str] = []
