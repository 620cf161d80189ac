"""Check the shape of what people enter to void or correct events; nothing here writes."""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core import exact_json
from events.log import LoggedEvent
from events.problems import Problem
from events.validation import MAX_TEXT

REASON = 1000


def _reason(help_text: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 2, "autocomplete": "off"})
    return forms.CharField(label=_("Reason"), max_length=REASON, help_text=help_text, widget=widget)


def _text(label: Any, help_text: Any = "", *, strip: bool = True) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, max_length=MAX_TEXT, help_text=help_text, widget=widget, strip=strip)


class ReasonForm(forms.Form):
    """Why an event is voided, or why that is taken back."""

    reason = _reason(_("Kept in the history with your name."))


class ConflictForm(forms.Form):
    """The id under which the content that came later counts in place of the stored event, and why."""

    event_id = _text(_("New event id"), _("An id that was never used: the stored event keeps its own."))
    reason = _reason(_("Why the stored event was wrong. Kept in the history with your name."))

    @classmethod
    def prefilled(cls, event_id: str) -> "ConflictForm":
        """Offer an id made of the stored event's."""
        return cls(initial={"event_id": corrected_id(event_id)}, prefix="new")

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Show what ingest has against the later content."""
        for problem in problems:
            self.add_error("event_id" if problem.field == "event_id" else None, problem.message)


def corrected_id(event_id: str) -> str:
    """Offer an id for what takes an event's place."""
    return f"{event_id[: MAX_TEXT - 10]}-corrected"


class MetadataField(forms.CharField):
    """A flat JSON object; numbers stay exact."""

    widget = forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off", "class": "code"})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            found = json.loads(text or "{}", parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
        except InvalidOperation as error:
            raise forms.ValidationError(gettext("A number has too great an exponent.")) from error
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(gettext("This is not JSON: %(error)s.") % {"error": error}) from error
        if not isinstance(found, dict):
            raise forms.ValidationError(gettext('Write an object, such as {"tokens": 12}.'))
        try:
            exact_json.dumps(found)
        except UnicodeEncodeError as error:
            raise forms.ValidationError(gettext("A text holds half of a surrogate pair, which is no character.")) from error
        return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    together = dict(pairs)
    if len(together) < len(pairs):
        raise ValueError("a name stands twice")
    return together


class CorrectionForm(forms.Form):
    """A whole event that takes the place of another."""

    event_id = _text(_("New event id"), _("An id that was never used: the old event keeps its own."))
    customer_id = _text(_("Customer id"))
    event_name = _text(_("Event name"), strip=False)  # names are compared exactly, spaces included
    timestamp = _text(_("Timestamp"), _("RFC 3339; without a zone it is UTC."))
    metadata = MetadataField(
        label=_("Metadata"), required=False, help_text=_("A JSON object. Text stands in quotes, numbers do not.")
    )
    reason = _reason(_("Why the old event was wrong. Kept in the history with your name."))

    @classmethod
    def prefilled(cls, event: LoggedEvent) -> "CorrectionForm":
        """Offer the event as it is, under another id."""
        return cls(
            initial={
                "event_id": corrected_id(event.event_id),
                "customer_id": event.customer,
                "event_name": event.event_name,
                "timestamp": event.timestamp.isoformat().replace("+00:00", "Z"),
                "metadata": _readable(event.metadata),
            }
        )

    def sent(self) -> dict[str, Any]:
        """Give the event as a server would send it."""
        return {name: part for name, part in self.cleaned_data.items() if name != "reason"}

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Show what ingest has against the event beside the fields at fault."""
        for problem in problems:
            name = (problem.field or "").partition(".")[0]
            self.add_error(name if name in self.fields else None, problem.message)


def _readable(metadata: dict[str, Any]) -> str:
    """Write one pair a line, digit for digit."""
    pairs = [f"  {exact_json.dumps(key)}: {exact_json.dumps(scalar)}" for key, scalar in metadata.items()]
    return "{\n" + ",\n".join(pairs) + "\n}" if pairs else "{}"
