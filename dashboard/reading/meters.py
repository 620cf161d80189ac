"""Read what pages say about meters besides their usage."""

from dataclasses import dataclass
from datetime import datetime

from core.periods import FOREVER
from meters import stored
from meters.models import Meter, RollPosition


@dataclass(frozen=True)
class Standing:
    """How a meter stands. counted_until: when it was archived, if it is; catching_up, failure: how its rolling goes."""

    counted_until: datetime | None
    catching_up: bool
    failure: str


def standing(meter: Meter) -> Standing:
    """Say until when the meter counts and whether its rollups are complete."""
    active = stored.activity([meter.pk]).get(meter.pk, ())
    until = active[-1].end if active and active[-1].end != FOREVER else None
    own = RollPosition.objects.filter(meter=meter).first()
    return Standing(until, own is not None and own.failed_at is None, own.failure if own else "")
