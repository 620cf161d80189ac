"""Let people name an event name by typing a part of it; any other may be typed, too."""

from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from meters import define

OFFERED = 20
EXACT = _("Compared exactly, capital letters and spaces included.")


class EventNameField(forms.CharField):
    """A text whose list of choices, the datalist "event-names", follows what is typed."""

    def __init__(self, *, help_text: Any = EXACT) -> None:
        attrs = {
            "autocomplete": "off",
            "spellcheck": "false",
            "list": "event-names",
            "hx-get": reverse_lazy("dashboard:event_name_choices"),
            "hx-trigger": "input changed delay:200ms",
            "hx-target": "#event-names",
            "hx-swap": "innerHTML",
            "hx-sync": "this:replace",
        }
        super().__init__(
            label=_("Event name"),
            max_length=define.EVENT_NAME_LENGTH,
            strip=False,
            help_text=help_text,
            widget=forms.TextInput(attrs=attrs),
        )
