"""Check the shape of what people enter about invoices; nothing here writes."""

from datetime import date
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from invoices.models import VoidOutcome
from invoices.remarks import LONGEST_MEMO, LONGEST_PURCHASE_ORDER, Remarks

MONTHS = 24


class RemarksForm(forms.Form):
    """What is to stand on a draft."""

    purchase_order = forms.CharField(
        label=_("Purchase order"),
        max_length=LONGEST_PURCHASE_ORDER,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    memo = forms.CharField(
        label=_("Memo"),
        max_length=LONGEST_MEMO,
        required=False,
        help_text=_("Printed on the invoice."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def remarks(self) -> Remarks:
        return Remarks(**self.cleaned_data)


class PaymentForm(forms.Form):
    """Why an invoice counts as paid; a bank's reference, say."""

    reason = forms.CharField(
        label=_("Reference"),
        max_length=1000,
        required=False,
        help_text=_("If wanted. Kept in the history with your name."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class VoidForm(forms.Form):
    """What becomes of the billing point of a voided invoice, and why it is voided."""

    then = forms.ChoiceField(
        label=_("What becomes of its billing point"),
        choices=VoidOutcome.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what becomes of the billing point.")},
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        help_text=_("Printed on the credit note, and kept in the history with your name."),
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )


class MonthForm(forms.Form):
    """A month of the billing zone, by its first day, or all."""

    month = forms.TypedChoiceField(label=_("Issued in"), required=False, coerce=date.fromisoformat, empty_value=None)

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        months = [date(number // 12, number % 12 + 1, 1) for number in _numbers(today)]
        self.fields["month"].initial = months[0].isoformat()
        choices = [(month.isoformat(), date_format(month, "F Y")) for month in months]
        self.fields["month"].choices = [*choices, ("", gettext("all invoices"))]  # type: ignore[attr-defined]


def _numbers(today: date) -> range:
    """Number the last months, counted since year 0, newest first."""
    newest = today.year * 12 + today.month - 1
    return range(newest, newest - MONTHS, -1)
