"""Check the shape of what people enter; nothing here writes."""

from django import forms
from django.utils.translation import gettext_lazy as _

from access.models import ApiKey, Scope


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
