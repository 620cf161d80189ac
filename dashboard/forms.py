"""Check the shape of what people enter; nothing here writes."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from access.models import ApiKey, Scope
from core.filtering import InstantField, date_input
from customers.models import Customer
from dashboard.reading.events import customers_called
from dashboard.reading.ranges import DEFAULT, LABELS, Range, choose
from events.log import Filters


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=ApiKey._meta.get_field("name").max_length,
        help_text=_("What it is for: the server or the service that will use it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        label=_("Scope"),
        choices=Scope.choices,
        initial=Scope.INGEST,
        help_text=_("A server that only reports usage needs no more than ingest."),
    )


class RangeForm(forms.Form):
    """Which stretch of time, in what windows, of which customer. What is missing or makes no sense falls back to the first choice."""

    range = forms.ChoiceField(label=_("Range"), choices=lambda: [(key, gettext(label)) for key, label in LABELS.items()])
    start = forms.DateField(label=_("From"), widget=date_input())
    end = forms.DateField(label=_("To"), widget=date_input())
    customer_id = forms.ChoiceField(label=_("Customer"), choices=[("", _("All customers"))])
    window = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, given: QueryDict) -> None:
        super().__init__({"range": DEFAULT, **given.dict()})
        for field in self.fields.values():
            field.required = False

    def offer(self, customers: Iterable[Customer]) -> None:
        """Offer these customers to choose from."""
        field = cast(forms.ChoiceField, self.fields["customer_id"])
        field.choices = [("", _("All customers")), *((one.public_id, one.name) for one in customers)]
        self.full_clean()  # the choice was judged before there were any to choose from

    def chosen(self, *, now: datetime) -> Range:
        """Give the range that was chosen."""
        self.is_valid()
        found = self.cleaned_data
        return choose(
            key=found.get("range") or DEFAULT,
            first=found.get("start"),
            latest=found.get("end"),
            now=now,
            zone=settings.BILLING_TIME_ZONE,
        )


class EventForm(forms.Form):
    """Which events of the log to show. customer_id: any way to name a customer."""

    customer_id = forms.CharField(
        label=_("Customer"), widget=forms.SearchInput(attrs={"placeholder": _("Name, e-mail or id"), "autocomplete": "off"})
    )
    event_name = forms.ChoiceField(label=_("Event name"))
    event_id = forms.CharField(label=_("Event id"), widget=forms.TextInput(attrs={"autocomplete": "off", "data-search": ""}))
    start = InstantField(label=_("From"), widget=date_input())
    end = InstantField(label=_("To"), widget=date_input(), through=True)

    def __init__(self, given: QueryDict, *, names: Iterable[str]) -> None:
        super().__init__(given)
        cast(forms.ChoiceField, self.fields["event_name"]).choices = [("", _("Any")), *((name, name) for name in names)]
        for field in self.fields.values():
            field.required = False
        self.is_used = any(given.get(name) for name in self.fields)

    def clean_customer_id(self) -> Customer | None:
        text = self.cleaned_data["customer_id"].strip()
        found = customers_called(text) if text else []
        if text and not found:
            raise forms.ValidationError(_("No customer is called so."))
        if len(found) > 1:
            raise forms.ValidationError(_("Several customers are called so. Enter the id or the whole name."))
        return found[0] if found else None

    def wanted(self) -> Filters:
        """Give the filters; where one cannot be read, nothing is shown rather than everything."""
        if not self.is_valid():
            return Filters(where=sql.SQL("false"))
        found = self.cleaned_data
        customer = found["customer_id"]
        return Filters(
            customer_id=customer.pk if customer else None,
            event_name=found["event_name"] or None,
            start=found["start"],
            end=found["end"],
        )
