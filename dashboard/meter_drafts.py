"""Keep a meter while a person makes it: step by step, in the session, so that errors, Back and a reload lose nothing."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from django import forms
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.filtering import InstantField, date_input
from core.periods import FOREVER, Period
from core.text import is_blank
from dashboard import filter_draft
from dashboard.event_name_field import EventNameField
from dashboard.filter_draft import Judgement, Node
from events.validation import MAX_KEY
from meters import define, filters
from meters.aggregation import AGGREGATIONS, AggregationInvalid, check
from meters.definition import ALWAYS, Definition
from meters.models import AggregationType, Meter

STEPS = {
    "basics": _("Basics"),
    "aggregation": _("Aggregation"),
    "filter": _("Filter"),
    "review": _("Review"),
}
SESSION_KEY = "meter_drafts"
MOST_DRAFTS = 5
EVERYTHING: tuple[Period, ...] = (Period(ALWAYS, FOREVER),)

QUIET = {"autocomplete": "off", "spellcheck": "false"}


def event_name_field() -> EventNameField:
    return EventNameField(
        help_text=_(
            "Compared exactly, capital letters and spaces included. Names that were received are offered; any other may be typed."
        )
    )


def seen(text: str) -> None:
    """Refuse a text that nobody could read, as meters do. Raises ValidationError."""
    if is_blank(text):
        raise forms.ValidationError(_("Give at least one visible character."), code="blank")


class BasicsForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=define.NAME_LENGTH,
        validators=[seen],
        help_text=_("As it stands on invoices and in lists."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    event_name = event_name_field()
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


class DescriptionForm(forms.Form):
    """What may be changed of a meter at any time."""

    name = forms.CharField(
        label=_("Name"), max_length=define.NAME_LENGTH, validators=[seen], widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    measurement_unit = forms.CharField(
        label=_("Unit"), max_length=define.UNIT_LENGTH, validators=[seen], widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class AggregationForm(forms.Form):
    aggregation = forms.ChoiceField(label=_("How events add up"), choices=AggregationType.choices, widget=forms.RadioSelect)
    over_property = forms.CharField(
        label=_("Property"),
        required=False,
        strip=False,
        max_length=MAX_KEY,
        help_text=_("The metadata key whose number is read. Keys that carry numbers are offered."),
        widget=forms.TextInput(attrs={**QUIET, "list": "number-keys", "data-key-of": "aggregation"}),
    )
    measurement_unit = forms.CharField(
        label=_("Unit"),
        max_length=define.UNIT_LENGTH,
        validators=[seen],
        help_text=_("What one stands for: tokens, calls, GB."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        row = AGGREGATIONS.get(found.get("aggregation", ""))
        if row and not row.needs_property:
            found["over_property"] = ""
        elif row and not found.get("over_property") and "over_property" not in self.errors:
            self.add_error("over_property", _("Name the metadata key that is read."))
        return found


class WhatIfForm(AggregationForm):
    """Another definition for a meter, and the timestamps to compare over: whole days of the billing zone, or RFC 3339."""

    measurement_unit = None  # type: ignore[assignment]  # the unit stays: Django's way to leave a field of the parent out
    event_name = event_name_field()
    start = InstantField(label=_("From"), required=False, widget=date_input())
    end = InstantField(label=_("To"), required=False, through=True, widget=date_input())

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        start, end = found.get("start"), found.get("end")
        if start and end and end <= start:
            self.add_error("end", _("The range ends before it begins."))
        return found


FORMS: Mapping[str, type[forms.Form]] = {"basics": BasicsForm, "aggregation": AggregationForm}
TEXTS = ("name", "event_name", "description", "aggregation", "over_property", "measurement_unit")


@dataclass
class Draft:
    """A meter that is no meter yet: every field as it was typed. step: the one shown; copy_of: the public id of its origin."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    step: str = "basics"
    copy_of: str = ""
    name: str = ""
    event_name: str = ""
    description: str = ""
    aggregation: str = "count"
    over_property: str = ""
    measurement_unit: str = ""
    filter: Node = field(default_factory=filter_draft.empty)

    @property
    def over(self) -> str | None:
        """The key that is read; none where events are counted, whatever was typed before."""
        row = AGGREGATIONS.get(self.aggregation)
        return self.over_property or None if row and row.needs_property else None

    def take(self, posted: Mapping[str, str]) -> None:
        """Take over what a form posted; what it does not hold stays. The filter is taken as a whole."""
        for name in TEXTS:
            if name in posted:
                setattr(self, name, posted[name].replace("\0", ""))
        if f"{filter_draft.ROOT}.conjunction" in posted:
            self.filter = filter_draft.read(posted)

    def form(self, step: str) -> forms.Form:
        """Bind the form of a step to what was typed."""
        form_class = FORMS[step]
        return form_class({name: getattr(self, name) for name in form_class.base_fields})

    def judged_filter(self) -> Judgement:
        return filter_draft.judge(self.filter)

    def is_complete(self, step: str) -> bool:
        """Whether a step has nothing at fault."""
        if step in FORMS:
            return self.form(step).is_valid()
        return step != "filter" or not self.judged_filter().errors

    def first_fault(self, until: str = "") -> str:
        """Name the first step that has something at fault, of those before `until`; empty where all is well."""
        order = list(STEPS)
        wanted = order[: order.index(until)] if until else order
        return next((step for step in wanted if not self.is_complete(step)), "")

    def definition(self, active: Sequence[Period] = EVERYTHING, *, with_filter: bool = True) -> Definition | None:
        """Give what the draft would count by now, without the clauses that are incomplete; None while it counts nothing."""
        try:
            aggregation, over = check(self.aggregation, self.over)
            tree = filters.parse(self.judged_filter().filter) if with_filter else None
        except AggregationInvalid:
            return None
        return Definition(self.event_name, aggregation, over, tree, tuple(active)) if self.event_name else None


def of_meter(meter: Meter) -> Draft:
    """Begin a draft as a copy of a meter."""
    return Draft(
        copy_of=meter.public_id,
        name=meter.name,
        event_name=meter.event_name,
        description=meter.description,
        aggregation=meter.aggregation,
        over_property=meter.over_property or "",
        measurement_unit=meter.measurement_unit,
        filter=filter_draft.of_filter(filters.parse(meter.filter)),
    )


def what_if_of(request: HttpRequest, meter: Meter) -> Draft:
    """Find the changed definition that this session tries on a meter, or begin with the meter's own."""
    token = f"what-if-{meter.public_id}"
    found = load(request, token) or of_meter(meter)
    found.token = token
    return found


def load(request: HttpRequest, token: str) -> Draft | None:
    """Find a draft of this session; one from before an upgrade keeps what drafts still have."""
    found = request.session.get(SESSION_KEY, {}).get(token)
    return Draft(**{one.name: found[one.name] for one in fields(Draft) if one.name in found}) if found else None


def keep(request: HttpRequest, draft: Draft) -> None:
    """Keep a draft in the session, in place of the oldest where there are many."""
    kept = request.session.get(SESSION_KEY, {})
    kept.pop(draft.token, None)
    kept[draft.token] = asdict(draft)
    request.session[SESSION_KEY] = dict(list(kept.items())[-MOST_DRAFTS:])


def claim(request: HttpRequest, draft: Draft) -> bool:
    """Drop a draft that becomes a meter, in the caller's transaction; False where a second press of the button was quicker.

    Two requests of one session read it at the same time, and what it is saved with at the end of each does not see the other.
    """
    if load(request, draft.token) is None:
        return True  # its session was lost, and all of it came with this request
    key = request.session.session_key
    Session.objects.select_for_update().filter(session_key=key).first()
    if draft.token not in type(request.session)(key).get(SESSION_KEY, {}):
        return False
    forget(request, draft)
    request.session.save()
    return True


def forget(request: HttpRequest, draft: Draft) -> None:
    """Drop a draft that has become a meter."""
    request.session[SESSION_KEY] = {
        token: kept for token, kept in request.session.get(SESSION_KEY, {}).items() if token != draft.token
    }
