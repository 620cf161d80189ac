"""Read what pages say about meters besides their usage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.periods import FOREVER
from events.models import EventName
from meters import stored
from meters.models import Meter, RollPosition

SIMILAR_NAMES = 5


@dataclass(frozen=True)
class Standing:
    """How a meter stands. counted_until: when it was archived, if it is; catching_up, failure: how its rolling goes."""

    counted_until: datetime | None
    catching_up: bool
    failure: str


@dataclass(frozen=True)
class Silence:
    """Why nothing was counted: whether the event name was ever received, and names that differ from it only in case or spaces."""

    name_is_known: bool
    similar: Sequence[str]


def standing(meter: Meter) -> Standing:
    """Say until when the meter counts and whether its rollups are complete."""
    active = stored.activity([meter.pk]).get(meter.pk, ())
    until = active[-1].end if active and active[-1].end != FOREVER else None
    own = RollPosition.objects.filter(meter=meter).first()
    return Standing(until, own is not None and own.failed_at is None, own.failure if own else "")


def why_silent(meter: Meter) -> Silence:
    """Look for the likeliest reasons why a meter counts nothing."""
    similar = EventName.objects.filter(name__iregex=rf"^\s*{_literal(meter.event_name.strip())}\s*$")
    names = list(similar.order_by("id").values_list("name", flat=True)[: SIMILAR_NAMES + 1])
    return Silence(meter.event_name in names, [name for name in names if name != meter.event_name][:SIMILAR_NAMES])


def _literal(text: str) -> str:
    return "".join(f"\\{character}" if not character.isalnum() and character.isascii() else character for character in text)
