"""Say in an operator's words why a meter shows nothing, and what to do about each cause."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.periods import Period
from core.text import gettext_noop
from customers.models import Customer
from dashboard import wording
from invoices import trace
from meters import zero
from meters.models import Meter
from meters.zero import Cause, Kind, Zero

ADVICE: dict[Kind, str] = {
    "no_events": gettext_noop("Check that its server posts events, with an id of this customer."),
    "name_never_received": gettext_noop("Names are compared exactly. Check the name that the server sends."),
    "near_name": gettext_noop("Names are compared exactly. Send the meter's name, or make a meter over the name that is sent."),
    "filter": gettext_noop("Open one of the events to see what it carries instead."),
    "property_missing": gettext_noop("Send the property, or correct the events."),
    "property_is_string": gettext_noop("Send the number without quotes; correct the events that came."),
    "property_not_numeric": gettext_noop("Send a number; correct the events that came."),
    "outside_period": gettext_noop(
        "Take a longer range. An event belongs to the time of its timestamp, not to that of its receipt."
    ),
    "archived": gettext_noop("Events with a timestamp in the archived time stay uncounted, also once the meter is unarchived."),
    "voided": gettext_noop("Take a void back on the page of the event if it was wrong."),
    "refused": gettext_noop("Mend the cause, then have the events sent again."),
}


@dataclass(frozen=True)
class Told:
    """A cause with its sentence and what to do."""

    cause: Cause
    sentence: str
    advice: str


@dataclass(frozen=True)
class Panel:
    """What the panel shows. is_subscribed: None where no customer was asked for."""

    zero: Zero
    causes: Sequence[Told]
    is_subscribed: bool | None


def panel(*, meter: Meter, customer: Customer | None, period: Period) -> Panel:
    """Read the causes for a page."""
    found = zero.explain(meter=meter, customer=customer, period=period)
    subscribed = trace.is_subscribed(meter=meter, customer=customer, period=period) if customer else None
    return Panel(found, [Told(one, _sentence(one, meter), _(ADVICE[one.kind])) for one in found.causes], subscribed)


def _sentence(cause: Cause, meter: Meter) -> str:
    if cause.kind == "near_name":
        return _("Events came as “%(came)s”; this meter counts “%(wanted)s”.") % {
            "came": cause.event_name,
            "wanted": meter.event_name,
        }
    if cause.kind == "name_never_received":
        return _("No event named “%(name)s” was ever received.") % {"name": meter.event_name}
    if cause.clause is not None:
        return _("The filter keeps events out: %(clause)s does not hold.") % {"clause": wording.condition(cause.clause)}
    sentence = _(zero.CAUSES[cause.kind])
    if cause.kind.startswith("property_"):
        return _("%(sentence)s It reads “%(key)s”.") % {"sentence": sentence, "key": meter.over_property}
    return f"{sentence} {cause.code}" if cause.code else sentence
