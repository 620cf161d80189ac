"""Filter lists of products and subscriptions, for pages and the API alike."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.filtering import ANY, archived, reference, search
from products.models import PriceKind, Product, Subscription, SubscriptionStatus


class ProductFilter(django_filters.FilterSet):
    """archived: "true" or "false"; left out, both.  search: part of a name, or a whole id."""

    search = search("by_text", _("Name or id"))
    price_kind = django_filters.ChoiceFilter(choices=PriceKind.choices, label=_("Price"), empty_label=ANY)
    archived = archived()

    class Meta:
        model = Product
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Product], name: str, text: str) -> QuerySet[Product]:
        return rows.filter(Q(name__icontains=text) | Q(public_id=text))


class SubscriptionFilter(django_filters.FilterSet):
    """customer_id, product_id: public ids.  search: part of the customer's name or e-mail, or a whole id."""

    search = search("by_text", _("Customer or id"))
    status = django_filters.ChoiceFilter(choices=SubscriptionStatus.choices, label=_("Status"), empty_label=ANY)
    product_id = django_filters.ModelChoiceFilter(
        method="by_product",
        queryset=Product.objects.order_by("name", "id"),
        to_field_name="public_id",
        label=_("Product"),
        empty_label=ANY,
    )
    customer_id = reference("customer__public_id")

    class Meta:
        model = Subscription
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Subscription], name: str, text: str) -> QuerySet[Subscription]:
        return rows.filter(
            Q(customer__name__icontains=text)
            | Q(customer__email__icontains=text)
            | Q(public_id=text)
            | Q(customer__public_id=text)
        )

    def by_product(self, rows: QuerySet[Subscription], name: str, product: Product) -> QuerySet[Subscription]:
        """Keep the subscriptions that had the product at any time."""
        return rows.filter(phases__product=product).distinct()
