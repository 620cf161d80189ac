"""Check the shape of a webhook endpoint as people enter it; nothing here writes."""

from django import forms
from django.utils.translation import gettext_lazy as _

from webhooks.event_types import EventType
from webhooks.models import WebhookEndpoint


class EndpointForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=WebhookEndpoint._meta.get_field("url").max_length,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://example.com/webhooks"}),
        help_text=_("Messages are posted here as JSON. Use https: a message names customers and amounts."),
    )
    description = forms.CharField(
        label=_("Description"), required=False, max_length=WebhookEndpoint._meta.get_field("description").max_length
    )
    filter_types = forms.MultipleChoiceField(
        label=_("Told of"),
        choices=EventType.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen means everything, what later versions add too."),
    )
