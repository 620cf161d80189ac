"""Read which events a person wants to void; nothing here writes."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.filtering import InstantField, date_input
from dashboard import filter_draft
from dashboard.customer_field import CustomerField
from dashboard.event_forms import REASON
from dashboard.filter_draft import Node
from meters import filters, selection
from meters.filters import OPERATORS, FilterTree
from meters.models import Meter
from meters.selection import Selection, SelectionInvalid

CONDITIONS = range(3)
KINDS = (("string", _("text")), ("number", _("number")), ("boolean", _("true or false")))
CONJUNCTIONS = (("and", _("all of these")), ("or", _("one of these")))
QUIET = {"autocomplete": "off", "spellcheck": "false"}


def _operators() -> list[tuple[str, str]]:
    return [(row.name, gettext(row.label)) for row in OPERATORS.values()]


class BulkVoidForm(forms.Form):
    """Which events, and why. Conditions on metadata are a flat list of at most three; the API takes a whole filter."""

    meter = forms.ModelChoiceField(
        Meter.objects.none(),
        to_field_name="public_id",
        label=_("Meter"),
        empty_label=_("Any"),
        help_text=_("What its event name and filter let through."),
    )
    event_name = forms.ChoiceField(label=_("Event name"))
    customer = CustomerField(name="customer")
    start = InstantField(label=_("From"), widget=date_input())
    end = InstantField(label=_("To"), widget=date_input(), through=True)
    conjunction = forms.ChoiceField(label=_("Of the conditions must hold"), choices=CONJUNCTIONS)
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

    def __init__(self, given: QueryDict | None = None, *, names: Iterable[str], initial: dict[str, Any] | None = None) -> None:
        super().__init__(given, initial=initial)
        cast(forms.ModelChoiceField, self.fields["meter"]).queryset = Meter.objects.order_by("name", "id")
        cast(forms.ChoiceField, self.fields["event_name"]).choices = [("", _("Any")), *((name, name) for name in names)]
        for number in CONDITIONS:
            self.fields[f"key{number}"] = forms.CharField(label=_("Metadata key"), widget=forms.TextInput(attrs=QUIET))
            self.fields[f"operator{number}"] = forms.ChoiceField(label=_("Comparison"), choices=_operators)
            self.fields[f"kind{number}"] = forms.ChoiceField(label=_("Type"), choices=KINDS)
            self.fields[f"value{number}"] = forms.CharField(
                label=_("Compared with"), strip=False, widget=forms.TextInput(attrs=QUIET)
            )
        for name, field in self.fields.items():
            field.required = name == "reason"

    @property
    def conditions(self) -> list[list[forms.BoundField]]:
        """The rows of conditions, as the page shows them."""
        return [[self[f"{part}{number}"] for part in ("key", "operator", "kind", "value")] for number in CONDITIONS]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        tree = self._filter(found)
        if not self.errors:
            try:
                found["selection"] = self._selection(found, tree)
            except SelectionInvalid as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        return found

    def _filter(self, found: dict[str, Any]) -> FilterTree:
        numbers = [number for number in CONDITIONS if found.get(f"key{number}") or found.get(f"value{number}")]
        rows: list[Node] = [
            {part: found.get(f"{part}{number}") or "" for part in ("key", "operator", "kind", "value")} for number in numbers
        ]
        judged = filter_draft.judge({"conjunction": found.get("conjunction") or "and", "clauses": rows})
        for path, sentence in judged.errors.items():
            _root, place, part = path.split(".")
            self.add_error(f"{part}{numbers[int(place)]}", gettext(sentence))
        return filters.parse(judged.filter)

    def _selection(self, found: dict[str, Any], tree: FilterTree) -> Selection:
        return selection.of(
            meter=found.get("meter"),
            event_name=found.get("event_name") or None,
            customer=found.get("customer"),
            start=found.get("start"),
            end=found.get("end"),
            filter=tree,
            event_ids=[line.strip() for line in found.get("event_ids", "").splitlines() if line.strip()],
        )
