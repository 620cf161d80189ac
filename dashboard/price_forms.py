"""Read a draft price for a simulation from forms: what stands beside its meters."""

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as lazy

from core.money import from_major, plain, to_major
from invoices.simulate import MOST_CYCLES
from products.catalogue import MeterPriceInput, PriceInput


class SimulationForm(forms.Form):
    """How far back, and the fee. price: today's; what cannot be changed for subscribers is taken from it."""

    cycles = forms.IntegerField(
        label=lazy("Past cycles"), min_value=1, max_value=MOST_CYCLES, initial=3,
        help_text=lazy("The latest so many of each subscription that are over."),
    )  # fmt: skip
    fixed_price = forms.DecimalField(label=lazy("Fixed price each cycle"), min_value=0, max_digits=18, decimal_places=4)

    def __init__(self, *args: Any, price: PriceInput, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.price = price
        self.initial["fixed_price"] = plain(to_major(price.fixed_price, price.currency))

    def clean_fixed_price(self) -> int:
        try:
            return from_major(self.cleaned_data["fixed_price"], self.price.currency)
        except ValueError as problem:
            raise forms.ValidationError(str(problem)) from problem

    def draft(self, meters: tuple[MeterPriceInput, ...]) -> PriceInput:
        """Give the draft with these meters."""
        return replace(self.price, fixed_price=self.cleaned_data["fixed_price"], meters=meters)
