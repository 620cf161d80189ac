"""Read grants of credit, top-ups and what ends them from forms: amounts in major units, as people write them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.filtering import InstantField, date_input
from core.ids import public_id
from core.money import CURRENCIES
from core.periods import Interval
from credits.grants import GrantInput
from credits.models import CreditGrant
from customers.models import Customer
from dashboard.product_forms import CreditForm, scaled
from products.models import IntervalUnit, Subscription

ONCE, CYCLE, OWN = "once", "subscription", "interval"


def _reason() -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 2, "autocomplete": "off"})
    return forms.CharField(label=_("Reason"), max_length=1000, widget=widget, help_text=_("Kept in the history with your name."))


def _once() -> forms.CharField:
    """Make the hidden key that a form sent twice has twice, so that nothing is given twice."""
    return forms.CharField(widget=forms.HiddenInput, max_length=60, initial=lambda: public_id("once"))


class GrantForm(CreditForm):
    """Credit for one customer."""

    currency = forms.ChoiceField(label=_("Currency of money"), choices=[(code, code) for code in CURRENCIES], initial="USD")
    effective_at = InstantField(
        label=_("Effective from"),
        required=False,
        widget=date_input(),
        help_text=_("Empty: from now on. Usage from then on draws on it."),
    )
    expires_at = InstantField(
        label=_("Through"),
        required=False,
        widget=date_input(),
        through=True,
        help_text=_("Its last day. Empty: it never expires."),
    )
    renewal = forms.ChoiceField(
        label=_("Renewal"),
        choices=[
            (ONCE, _("Given once")),
            (CYCLE, _("Anew with each cycle of a subscription")),
            (OWN, _("Anew at its own interval")),
        ],
    )
    subscription_id = forms.ModelChoiceField(
        label=_("Subscription"),
        queryset=Subscription.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label=_("Choose a subscription"),
    )
    renewal_count = forms.IntegerField(label=_("Renews every"), min_value=1, max_value=32_767, initial=1, required=False)
    renewal_interval = forms.ChoiceField(label=_("Unit"), choices=IntervalUnit.choices, initial=IntervalUnit.MONTH)
    low_balance_threshold = forms.DecimalField(
        label=_("Low at"), min_value=0, max_digits=38, decimal_places=12, required=False,
        help_text=_("A notice and a webhook come once when no more than this is left. Empty: never."),
    )  # fmt: skip
    reason = _reason()
    once = _once()

    field_order = (
        "kind", "meter", "amount", "currency", "applies_to", "name", "reason", "priority", "effective_at", "expires_at", "renewal",
        "subscription_id", "renewal_count", "renewal_interval", "rollover", "rollover_cap", "low_balance_threshold",
    )  # fmt: skip

    # Where each refusal of the domain stands in the form.
    FIELDS = {"meter_id": "meter", "renews": "renewal"}

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].label = _("Amount")
        self.fields["subscription_id"].queryset = Subscription.objects.filter(customer=customer).order_by("id")  # type: ignore[attr-defined]

    def grant(self, *, now: datetime) -> GrantInput | None:
        """Give the grant in units or minor units; None where something is wrong, which the form says then."""
        found = self.cleaned_data
        credit = self.read(found["currency"])
        low = scaled(self, "low_balance_threshold", kind=found["kind"], currency=found["currency"])
        if credit is None or self.errors:
            return None
        renewal = found["renewal"]
        interval = Interval(found["renewal_interval"], found["renewal_count"] or 1) if renewal == OWN else None
        return GrantInput(
            **vars(credit),
            effective_at=found["effective_at"] or now,
            expires_at=found["expires_at"],
            renews=renewal != ONCE,
            subscription=found["subscription_id"] if renewal == CYCLE else None,
            renewal=interval,
            low_balance_threshold=low,
            reason=found["reason"],
        )

    def refuse(self, field: str | None, sentence: str) -> None:
        """Show what the domain has against the grant beside the field that it concerns."""
        name = self.FIELDS.get(field or "", field)
        self.add_error(name if name in self.fields else None, sentence)


class _OfGrant(forms.Form):
    """Something about one grant, whose numbers are in its unit, or in major units of its currency."""

    def __init__(self, *args: Any, grant: CreditGrant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.grant = grant

    def number(self, name: str) -> Decimal | None:
        """Give a number in units or minor units; None where there is none, or it is wrong, which the form says then."""
        return scaled(self, name, kind=self.grant.kind, currency=self.grant.currency)

    def refuse(self, field: str | None, sentence: str) -> None:
        """Show what the domain has against it."""
        self.add_error(field if field in self.fields else None, sentence)


class TopUpForm(_OfGrant):
    """More for the period that runs."""

    amount = forms.DecimalField(label=_("Amount"), min_value=0, max_digits=38, decimal_places=12)
    reason = _reason()
    once = _once()


class ThresholdForm(_OfGrant):
    """What is left when a grant is low."""

    low_balance_threshold = forms.DecimalField(
        label=_("Low at"), min_value=0, max_digits=38, decimal_places=12, required=False, help_text=_("Empty: never.")
    )


class EndForm(_OfGrant):
    """Why a grant ends."""

    reason = _reason()
