"""Read which events a person wants to void; nothing here writes."""

from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.filtering import InstantField, date_input
from dashboard import filter_draft
from dashboard.customer_field import CustomerField
from dashboard.event_forms import REASON
from dashboard.event_name_field import EventNameField
from dashboard.filter_draft import Node
from meters import filters, selection
from meters.models import Meter
from meters.selection import Selection, SelectionInvalid

QUIET = {"autocomplete": "off", "spellcheck": "false"}


class BulkVoidForm(forms.Form):
    """Which events, and why. The conditions on their metadata are a filter's draft, which the page edits clause by clause."""

    meter = forms.ModelChoiceField(
        Meter.objects.none(),
        to_field_name="public_id",
        label=_("Meter"),
        empty_label=_("Any"),
        help_text=_("What its event name and filter let through."),
    )
    event_name = EventNameField()
    customer = CustomerField(name="customer")
    start = InstantField(label=_("From"), widget=date_input())
    end = InstantField(label=_("To"), widget=date_input(), through=True)
    event_ids = forms.CharField(
        label=_("Or event ids"),
        help_text=_("One a line, at most 1000, instead of all above."),
        widget=forms.Textarea(attrs={**QUIET, "rows": 3, "class": "code"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON,
        help_text=_("Kept with every event and your name."),
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )

    def __init__(self, given: QueryDict | None = None, *, draft: Node, initial: dict[str, Any] | None = None) -> None:
        super().__init__(given, initial=initial)
        self.judged = filter_draft.judge(draft)
        cast(forms.ModelChoiceField, self.fields["meter"]).queryset = Meter.objects.order_by("name", "id")
        for name, field in self.fields.items():
            field.required = name == "reason"

    @property
    def name_meant(self) -> str:
        """The event name whose keys are offered, as far as one was given."""
        meter = Meter.objects.filter(public_id=self["meter"].value() or "").first()
        return meter.event_name if meter else str(self["event_name"].value() or "")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if self.judged.errors:
            self.add_error(None, _("A condition is not complete. Fill it in or remove it."))
        if not self.errors:
            try:
                found["selection"] = self._selection(found)
            except SelectionInvalid as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        return found

    def _selection(self, found: dict[str, Any]) -> Selection:
        return selection.of(
            meter=found.get("meter"),
            event_name=found.get("event_name") or None,
            customer=found.get("customer"),
            start=found.get("start"),
            end=found.get("end"),
            filter=filters.parse(self.judged.filter),
            event_ids=[line.strip() for line in found.get("event_ids", "").splitlines() if line.strip()],
        )
