"""Let people name an event name by typing a part of it; any other may be typed, too."""

from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from meters import define

OFFERED = 20


class EventNameField(forms.CharField):
    """A text whose list of choices, the datalist "event-names", follows what is typed."""

    def __init__(self, **options: Any) -> None:
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
        usual = {
            "label": _("Event name"),
            "max_length": define.EVENT_NAME_LENGTH,
            "strip": False,
            "help_text": _("Compared exactly, capital letters and spaces included."),
            "widget": forms.TextInput(attrs=attrs),
        }
        super().__init__(**(usual | options))
