"""Filter lists of jobs, for pages and the API alike."""

import django_filters
from django.utils.translation import gettext_lazy as _

from core.filtering import ANY
from jobs.models import Job, JobStatus


class JobFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=JobStatus.choices, label=_("Status"), empty_label=ANY)
    kind = django_filters.CharFilter(field_name="kind", label=_("Kind"))

    class Meta:
        model = Job
        fields: list[str] = []
