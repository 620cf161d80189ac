"""Check the shape of what people enter; nothing here writes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from access.models import ApiKey, Scope
from core.filtering import InstantField, date_input
from customers.models import Customer
from dashboard import customer_field
from dashboard.customer_field import CustomerField
from dashboard.reading.ranges import CUSTOM, DEFAULT, FIRST_DATE, LABELS, LATEST_DATE, Range, choose
from events.log import Filters
from meters.models import Meter
from meters.selection import Selection


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


def name_customer(form: forms.Form) -> Customer | None:
    """Give the customer that a form names; one who was named by id is shown by name."""
    form.is_valid()
    customer: Customer | None = form.cleaned_data.get("customer_id")
    if customer is not None and form.data["customer_id"] == customer.public_id:
        form.data = {**form.data, "customer_id": customer_field.named([customer])[0][0]}
    return customer


CALENDAR = (MinValueValidator(FIRST_DATE), MaxValueValidator(LATEST_DATE))


class RangeForm(forms.Form):
    """Which stretch of time, in what windows, of which customer. What is missing falls back to the first choice.

    A customer or dates that make no sense are a refusal: what is shown instead would be taken for what was asked.
    """

    range = forms.ChoiceField(label=_("Range"), choices=lambda: [(key, gettext(label)) for key, label in LABELS.items()])
    start = forms.DateField(label=_("From"), widget=date_input(), validators=CALENDAR)
    end = forms.DateField(label=_("To"), widget=date_input(), validators=CALENDAR)
    customer_id = CustomerField(name="customer_id")
    search = forms.CharField(
        label=_("Search"),
        widget=forms.SearchInput(attrs={"placeholder": _("Name, e-mail or id"), "autocomplete": "off", "data-search": ""}),
    )
    compare = forms.ChoiceField(label=_("Compare with"))
    window = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, given: QueryDict) -> None:
        super().__init__({"range": DEFAULT, **given.dict(), "compare": ""})  # what is compared already stands beside the chart
        for field in self.fields.values():
            field.required = False
        self.customer = name_customer(self)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        start, end = found.get("start"), found.get("end")
        if start and end and end < start:
            self.add_error("end", _("The range ends before it begins."))
        return found

    @property
    def refusal(self) -> str:
        """Say what of the customer and of the dates, if these are asked for, cannot be shown; empty where all can."""
        named = ["customer_id", *(("start", "end") if self.data["range"] == CUSTOM else ())]
        return " ".join(str(error) for name in named for error in self.errors.get(name, []))

    def offer(self, customers: Sequence[Customer]) -> None:
        """Offer these customers before anything is typed."""
        cast(CustomerField, self.fields["customer_id"]).offered = customer_field.named(customers)

    def offer_meters(self, meters: Iterable[Meter]) -> None:
        """Offer these meters to compare with."""
        named = [(one.public_id, f"{one.name} ({one.measurement_unit})") for one in meters]
        cast(forms.ChoiceField, self.fields["compare"]).choices = [("", _("Another meter")), *named]

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


class LeftOutForm(forms.Form):
    """For which reason a meter leaves events out; anything else means any."""

    why = forms.ChoiceField(label=_("Left out because"), required=False)

    def __init__(self, given: QueryDict, *, reasons: Iterable[tuple[str, str]]) -> None:
        super().__init__(given.dict())
        cast(forms.ChoiceField, self.fields["why"]).choices = [("", _("Any reason")), *reasons]
        self.reason: str = self.cleaned_data["why"] if self.is_valid() else ""


class EventForm(forms.Form):
    """Which events of the log to show."""

    customer_id = CustomerField(name="customer_id")
    meter_id = forms.ModelChoiceField(Meter.objects.none(), to_field_name="public_id", label=_("Meter"), empty_label=_("Any"))
    event_name = forms.CharField(
        label=_("Event name"), strip=False, widget=forms.TextInput(attrs={"autocomplete": "off", "list": "event-names"})
    )
    event_id = forms.CharField(label=_("Event id"), widget=forms.TextInput(attrs={"autocomplete": "off", "data-search": ""}))
    start = InstantField(label=_("From"), widget=date_input())
    end = InstantField(label=_("To"), widget=date_input(), through=True)

    def __init__(self, given: QueryDict) -> None:
        super().__init__(given.dict())
        cast(forms.ModelChoiceField, self.fields["meter_id"]).queryset = Meter.objects.order_by("name", "id")
        for field in self.fields.values():
            field.required = False
        self.is_used = any(given.get(name) for name in self.fields)
        name_customer(self)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        meter, name = found.get("meter_id"), found.get("event_name")
        if meter and name and name != meter.event_name:
            self.add_error("event_name", _("The meter counts events of another name: %(name)s.") % {"name": meter.event_name})
        return found

    def wanted(self) -> Filters:
        """Give the filters; where one cannot be read, nothing is shown rather than everything."""
        if not self.is_valid():
            return Filters(where=sql.SQL("false"))
        found = self.cleaned_data
        chosen = Selection(
            found["meter_id"], found["event_name"] or None, found["customer_id"], found["start"], found["end"]
        ).log_filters()
        return chosen if found["meter_id"] else replace(chosen, where=None)
