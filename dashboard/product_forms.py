"""Read products with their prices and credits from forms: amounts in major units, as people write them."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from core.errors import DomainError
from core.money import CONTEXT, CURRENCIES, exponent, from_major, plain, to_major
from core.periods import Interval
from credits.models import AppliesTo, CreditKind, Rollover
from credits.product_credits import ProductCreditInput
from meters.models import Meter
from products.catalogue import MOST_METERS, MeterPriceInput, PriceInput
from products.models import IntervalUnit, PriceKind, PriceModel, TaxCategory
from products.pricing import Tier

LAST = "*"
CHOOSE_METER = lazy("Choose a meter")


# What the script that edits tiers in columns needs to say.
TIER_WORDS = {
    "data-models": f"{PriceModel.GRADUATED} {PriceModel.VOLUME}",
    "data-tier": lazy("Tier"),
    "data-up-to": lazy("Up to"),
    "data-no-limit": lazy("no limit"),
    "data-price": lazy("Price per unit"),
    "data-flat": lazy("Flat amount"),
    "data-add-tier": lazy("Add a tier"),
    "data-remove-tier": lazy("Remove tier"),
    "data-added": lazy("added"),
    "data-removed": lazy("removed"),
}


def _amount(label: Any, **more: Any) -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=0, max_digits=18, decimal_places=4, **more)


def _count(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=32_767, initial=1, required=False)


class ProductForm(forms.Form):
    """A product and the fixed part of its price."""

    name = forms.CharField(label=lazy("Name"), max_length=200)
    description = forms.CharField(label=lazy("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    tax_category = forms.ChoiceField(label=lazy("Tax category"), choices=TaxCategory.choices, initial=TaxCategory.SAAS)
    kind = forms.ChoiceField(
        label=lazy("Kind"),
        choices=PriceKind.choices,
        help_text=lazy("Usage-based prices have meters; one-time prices no cycles."),
    )
    currency = forms.ChoiceField(label=lazy("Currency"), choices=[(code, code) for code in CURRENCIES], initial="USD")
    fixed_price = _amount(lazy("Fixed price"), initial=0, help_text=lazy("For each cycle, in advance; or once."))
    tax_inclusive = forms.BooleanField(label=lazy("Prices include the tax"), required=False)
    frequency_count = _count(lazy("Billed every"))
    frequency_unit = forms.ChoiceField(label=lazy("Unit of the cycle"), choices=IntervalUnit.choices, initial=IntervalUnit.MONTH)
    life_count = forms.IntegerField(
        label=lazy("Subscription period"), min_value=1, max_value=32_767, initial=10, required=False,
        help_text=lazy("How long a subscription lasts unless it is cancelled."),
    )  # fmt: skip
    life_unit = forms.ChoiceField(label=lazy("Unit of the period"), choices=IntervalUnit.choices, initial=IntervalUnit.YEAR)
    trial_period_days = forms.IntegerField(label=lazy("Trial days"), min_value=0, max_value=10_000, initial=0, required=False)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("fixed_price") is not None and found.get("currency"):
            found["fixed_price"] = _read(self, "fixed_price", lambda: from_major(found["fixed_price"], found["currency"]))
        return found

    def price(self, meters: tuple[MeterPriceInput, ...]) -> PriceInput:
        """Give the price with these meters."""
        found = self.cleaned_data
        once = found["kind"] == PriceKind.ONE_TIME
        return PriceInput(
            kind=found["kind"],
            currency=found["currency"],
            fixed_price=found["fixed_price"],
            payment_frequency=None if once else Interval(found["frequency_unit"], found["frequency_count"] or 1),
            subscription_period=None if once else Interval(found["life_unit"], found["life_count"] or 1),
            trial_period_days=found["trial_period_days"] or 0,
            is_tax_inclusive=found["tax_inclusive"],
            meters=meters,
        )


class MeterPriceForm(forms.Form):
    """What one meter costs, in major units of the product's currency."""

    meter = forms.ModelChoiceField(
        label=lazy("Meter"), queryset=Meter.objects.none(), to_field_name="public_id", empty_label=CHOOSE_METER
    )
    price_model = forms.ChoiceField(label=lazy("Price model"), choices=PriceModel.choices, initial=PriceModel.PER_UNIT)
    price_per_unit = forms.DecimalField(
        label=lazy("Price per unit, or per package"), min_value=0, max_digits=20, decimal_places=16, required=False,
        widget=forms.NumberInput(attrs={"data-models": f"{PriceModel.PER_UNIT} {PriceModel.PACKAGE}"}),
    )  # fmt: skip
    package_size = forms.DecimalField(
        label=lazy("Units in a package"), min_value=0, max_digits=38, decimal_places=12, required=False,
        widget=forms.NumberInput(attrs={"data-models": PriceModel.PACKAGE}),
    )  # fmt: skip
    tiers = forms.CharField(
        label=lazy("Tiers"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "1000 0.02\n* 0.01 5", **TIER_WORDS}),
        help_text=lazy("A line each: up to (the last *), price per unit, flat amount on entering it."),
    )
    free_threshold = forms.IntegerField(label=lazy("Free units each cycle"), min_value=0, initial=0, required=False)
    minimum = _amount(lazy("Minimum each cycle"), required=False)
    maximum = _amount(lazy("Maximum each cycle"), required=False)
    display_per = forms.IntegerField(
        label=lazy("Shown per so many units"), min_value=1, max_value=10**12, initial=1, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meter"].queryset = Meter.objects.filter(archived_at=None).order_by("name", "id")  # type: ignore[attr-defined]

    def _minor_of(self, name: str, currency: str) -> int | None:
        major = self.cleaned_data[name]
        return None if major is None else _read(self, name, lambda: from_major(major, currency))

    def read(self, currency: str) -> MeterPriceInput | None:
        """Give the price in minor units; None where something is wrong, which the form says then."""
        found = self.cleaned_data
        price = found["price_per_unit"]
        tiers = _read(self, "tiers", lambda: tuple(_tiers(found["tiers"], currency)))
        minimum, maximum = (self._minor_of(name, currency) for name in ("minimum", "maximum"))
        if self.errors:
            return None
        return MeterPriceInput(
            meter_id=found["meter"].public_id,
            price_per_unit=None if price is None else _minor(price, currency),
            free_threshold=found["free_threshold"] or 0,
            price_model=found["price_model"],
            tiers=tiers,
            package_size=found["package_size"],
            minimum_amount=minimum,
            maximum_amount=maximum,
            display_per=found["display_per"] or 1,
        )


class CreditForm(forms.Form):
    """What each subscriber gets anew every cycle."""

    kind = forms.ChoiceField(label=lazy("Credit"), choices=CreditKind.choices, initial=CreditKind.UNITS)
    meter = forms.ModelChoiceField(
        label=lazy("Meter"), queryset=Meter.objects.none(), to_field_name="public_id", required=False, empty_label=CHOOSE_METER
    )
    amount = forms.DecimalField(
        label=lazy("Amount each cycle"), min_value=0, max_digits=38, decimal_places=12, help_text=lazy("Units, or money as 5.00.")
    )
    applies_to = forms.ChoiceField(label=lazy("Money pays"), choices=AppliesTo.choices, initial=AppliesTo.USAGE)
    priority = forms.IntegerField(label=lazy("Priority"), min_value=-32_768, max_value=32_767, initial=100, required=False)
    rollover = forms.ChoiceField(label=lazy("What is left"), choices=Rollover.choices, initial=Rollover.NONE)
    rollover_cap = forms.DecimalField(label=lazy("Cap"), min_value=0, max_digits=38, decimal_places=12, required=False)
    name = forms.CharField(label=lazy("Name"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meter"].queryset = Meter.objects.order_by("name", "id")  # type: ignore[attr-defined]

    def read(self, currency: str) -> ProductCreditInput | None:
        """Give the credit in units or minor units; None where something is wrong, which the form says then."""
        found = self.cleaned_data
        money = found["kind"] == CreditKind.MONEY

        amount, cap = (scaled(self, name, kind=found["kind"], currency=currency) for name in ("amount", "rollover_cap"))
        if self.errors or amount is None:
            return None
        return ProductCreditInput(
            kind=found["kind"],
            amount=amount,
            meter=None if money else found["meter"],
            currency=currency if money else None,
            applies_to=found["applies_to"] if money else AppliesTo.USAGE,
            priority=100 if found["priority"] is None else found["priority"],
            rollover=found["rollover"],
            rollover_cap=cap,
            name=found["name"],
        )


MeterPriceFormSet = forms.formset_factory(MeterPriceForm, extra=2, max_num=MOST_METERS, can_delete=True)
CreditFormSet = forms.formset_factory(CreditForm, extra=1, max_num=20, can_delete=True)


def of_price(price: PriceInput) -> dict[str, Any]:
    """Give what a ProductForm shows of a price."""
    frequency, life = price.payment_frequency, price.subscription_period
    shown: dict[str, Any] = {
        "kind": price.kind,
        "currency": price.currency,
        "fixed_price": plain(to_major(price.fixed_price, price.currency)),
        "tax_inclusive": price.is_tax_inclusive,
        "trial_period_days": price.trial_period_days,
    }
    if frequency and life:
        shown |= {"frequency_count": frequency.count, "frequency_unit": frequency.unit}
        shown |= {"life_count": life.count, "life_unit": life.unit}
    return shown


def of_meter_price(one: MeterPriceInput, currency: str) -> dict[str, Any]:
    """Give what a MeterPriceForm shows of a meter's price."""
    major = {"price_per_unit": one.price_per_unit, "minimum": one.minimum_amount, "maximum": one.maximum_amount}
    return {
        "meter": one.meter_id,
        "price_model": one.price_model,
        "package_size": None if one.package_size is None else plain(one.package_size),
        "tiers": "\n".join(_tier_text(tier, currency) for tier in one.tiers),
        "free_threshold": one.free_threshold,
        "display_per": one.display_per,
        **{name: None if minor is None else _major(Decimal(minor), currency) for name, minor in major.items()},
    }


def of_credit(one: ProductCreditInput) -> dict[str, Any]:
    """Give what a CreditForm shows of a credit."""
    amounts = {"amount": one.amount, "rollover_cap": one.rollover_cap}
    return {
        "kind": one.kind,
        "meter": one.meter.public_id if one.meter else None,
        "applies_to": one.applies_to,
        "priority": one.priority,
        "rollover": one.rollover,
        "name": one.name,
        **{
            name: None if given is None else _major(given, one.currency) if one.currency else plain(given)
            for name, given in amounts.items()
        },
    }


def scaled(form: forms.Form, name: str, *, kind: str, currency: str | None) -> Decimal | None:
    """Give a number in units, or money in minor units; None where there is none, or it is wrong, which the form says then."""
    number: Decimal | None = form.cleaned_data.get(name)
    if number is None or kind != CreditKind.MONEY:
        return number
    minor = _read(form, name, lambda: from_major(number, currency or ""))
    return None if minor is None else Decimal(minor)


def _read(form: forms.Form, field: str, read: Callable[[], Any]) -> Any:
    """Read a field, or say in the form what is wrong with it and give None."""
    try:
        return read()
    except (ValueError, ArithmeticError, DomainError) as problem:
        form.add_error(field, str(problem) or _("This cannot be read."))
        return None


def _tiers(text: str, currency: str) -> Iterator[Tier]:
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if not 2 <= len(words) <= 3:
            raise ValueError(_("Each tier is a line of two or three numbers: up to, price per unit, flat amount."))
        bound, price, *flat = words
        yield Tier(
            None if bound == LAST else Decimal(bound),
            _minor(Decimal(price), currency),
            from_major(Decimal(*flat or "0"), currency),
        )


def _tier_text(tier: Tier, currency: str) -> str:
    words = [LAST if tier.up_to is None else plain(tier.up_to), _major(tier.unit_price, currency)]
    return " ".join([*words, plain(to_major(tier.flat_amount, currency))] if tier.flat_amount else words)


def _minor(major: Decimal, currency: str) -> Decimal:
    return major.scaleb(exponent(currency), context=CONTEXT)


def _major(minor: Decimal, currency: str) -> str:
    return plain(minor.scaleb(-exponent(currency), context=CONTEXT))
