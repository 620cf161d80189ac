"""Let people name one customer by typing: a part of the name, the e-mail address, or an id of ours or theirs.

The list of the field's choices follows what is typed; without JavaScript what was typed is looked up when the form is sent.
"""

from collections.abc import Sequence
from typing import cast

from django import forms
from django.db.models import Count
from django.db.models.functions import Lower
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from customers.listing import CustomerFilter
from customers.models import Customer
from dashboard.reading.events import customers_called

LISTED = 10
MANY = _("Several customers are called so. Enter the id or the whole name.")
NONE = _("No customer is called so.")


class CustomerField(forms.CharField):
    """Read a text as the one customer that it means; empty is None."""

    offers_customers = True
    """Tells the template to put the list of choices beside the field."""

    def __init__(self, *, name: str, required: bool = False) -> None:
        """name: of the parameter, which the list of choices is asked with and named by."""
        self.offered: Sequence[tuple[str, Customer]] = ()
        attrs = {
            "placeholder": _("Name, e-mail or id"),
            "autocomplete": "off",
            "spellcheck": "false",
            "list": f"{name}-choices",
            "hx-get": reverse_lazy("dashboard:customer_choices"),
            "hx-vals": f'{{"parameter": "{name}"}}',
            "hx-trigger": "input changed delay:200ms",
            "hx-target": f"#{name}-choices",
            "hx-sync": "this:replace",
        }
        super().__init__(label=_("Customer"), required=required, widget=forms.SearchInput(attrs=attrs))

    def clean(self, text: object) -> Customer | None:
        typed = cast(str, super().clean(text))
        found = customers_called(typed) if typed else []
        if typed and len(found) != 1:
            self.offered = choices(typed)
            raise forms.ValidationError(MANY if found else NONE)
        return found[0] if found else None


def choices(text: str) -> list[tuple[str, Customer]]:
    """List customers that a text may mean, by name, each with what to enter for it."""
    rows = CustomerFilter({"search": text}, queryset=Customer.objects.filter(archived_at=None)).qs
    return named(list(rows.order_by("name", "id")[:LISTED]))


def named(customers: Sequence[Customer]) -> list[tuple[str, Customer]]:
    """Put before each customer what means it alone: the name, or the id where another has the same name. One query."""
    lowered = {one.pk: one.name.lower() for one in customers}
    bearers = Customer.objects.annotate(lowered=Lower("name")).filter(lowered__in=set(lowered.values()))
    counts = dict(bearers.order_by().values_list("lowered").annotate(number=Count("pk")))
    return [(one.public_id if counts.get(lowered[one.pk], 0) > 1 else one.name, one) for one in customers]
