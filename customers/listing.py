"""Filter customers in the same way for the API and for the pages."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.filtering import archived, search
from customers.models import Customer


class CustomerFilter(django_filters.FilterSet):
    """Customers by e-mail (whole, case does not matter), name (a part of it), time of creation, or one search field for all."""

    email = django_filters.CharFilter(lookup_expr="iexact", label=_("E-mail"))
    name = django_filters.CharFilter(lookup_expr="icontains", label=_("Name"))
    created_at_gte = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte", label=_("Created from"))
    created_at_lte = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lte", label=_("Created until"))
    archived = archived()
    search = search("matching", _("Name, e-mail or id"))

    class Meta:
        model = Customer
        fields: list[str] = []

    def matching(self, customers: QuerySet[Customer], name: str, words: str) -> QuerySet[Customer]:
        """Keep customers whose name or e-mail holds `words`, or whose id of ours or theirs begins with them."""
        return customers.filter(
            Q(name__icontains=words)
            | Q(email__icontains=words)
            | Q(public_id__startswith=words)
            | Q(external_id__startswith=words)
        )
