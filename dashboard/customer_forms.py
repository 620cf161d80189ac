"""Read a customer from a form: whom invoices are addressed to, and on what terms they pay."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core import formatting
from core.language import locale
from core.money import exact, plain
from customers.models import Customer

TERMS_DAYS_AT_MOST = 3650  # as the API


def _text(label: Any, *, length: int, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=length, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}), **more
    )


class CustomerForm(forms.Form):
    """A customer's names, address and terms. The tax rate is written in percent.

    Each field carries what it was shown with, so that of a form that lay open for long only what was changed in it counts as changed.
    """

    name = forms.CharField(label=_("Name"), max_length=300, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    email = forms.EmailField(label=_("E-mail"), max_length=320, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    external_id = _text(
        _("Your id"),
        length=200,
        help_text=_("What your own servers call this customer in events. Empty: they send the id that is made here."),
    )
    phone_number = _text(_("Phone"), length=50)
    street = _text(_("Street"), length=300)
    zipcode = _text(_("Postal code"), length=20)
    city = _text(_("City"), length=100)
    state = _text(_("State or province"), length=100)
    country = forms.ChoiceField(label=_("Country"), required=False)
    tax_id = _text(_("Tax id"), length=60)
    tax_rate = forms.DecimalField(
        label=_("Tax rate, %"), min_value=0, max_value=100, max_digits=7, decimal_places=4, required=False,
        help_text=_("Empty: the seller's own rate."),
    )  # fmt: skip
    payment_terms_days = forms.IntegerField(
        label=_("Days to pay"), min_value=0, max_value=TERMS_DAYS_AT_MOST, required=False,
        help_text=_("Empty: the seller's own terms."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = True
        offered = dict(formatting.countries(locale=locale()))
        held = self.initial.get("country")
        if held and held not in offered:
            offered[held] = held
        self.fields["country"].choices = [("", _("Not known")), *offered.items()]  # type: ignore[attr-defined]

    def read(self) -> dict[str, Any]:
        """Give the customer's fields; what is empty and has a default of the seller's is none."""
        found = dict(self.cleaned_data)
        found["external_id"] = found["external_id"] or None
        found["tax_rate"] = _fraction(found["tax_rate"])
        return found

    def refuse(self, field: str | None, sentence: str) -> None:
        """Show what the domain has against it beside the field that it concerns."""
        self.add_error(field if field in self.fields else None, sentence)


def of_customer(customer: Customer) -> dict[str, Any]:
    """Give a customer's fields as the form shows them."""
    shown = {name: getattr(customer, name) for name in CustomerForm.base_fields}
    return shown | {"tax_rate": None if customer.tax_rate is None else _percent(customer.tax_rate)}


@exact()
def _fraction(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent.scaleb(-2)


@exact()
def _percent(fraction: Decimal) -> str:
    return plain(fraction.scaleb(2))
