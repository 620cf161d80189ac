"""Know what events of each name carry: keys, value types and recent samples, for whoever makes a meter (semantics 32).

# Note [Catalogue]
The roller shows each stretch of the log once, as it counts it. A few hundred of its latest events are looked at, spread by a hash, so
that senders who take turns do not hide one another. So counts are those of the events that were looked at: they tell what is usual, not
how much there is. Whatever goes wrong here is logged and costs the roll nothing.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal, cast

from django.db import connection, transaction

from core.exact_json import dumps
from core.sql import load
from core.text import folded
from events.models import EventName, EventProperty

log = logging.getLogger(__name__)

Kind = Literal["string", "number", "boolean"]
KINDS: tuple[Kind, ...] = ("number", "string", "boolean")

REACH = 5_000
LOOKED_AT = 250
"""About how many events of a stretch are looked at, spread over its latest REACH ones."""
MOST_KEYS = 100
MOST_SAMPLES = 8
LONGEST_SAMPLE = 100
MOST_NAMES = 200
RECENT = timedelta(days=7)
RECENT_BOUND = 1000


@dataclass(frozen=True)
class Sample:
    """A value as it was sent. text: a number digit by digit, a boolean as true or false."""

    kind: Kind
    text: str


@dataclass
class Property:
    """One metadata key of one event name. counts: of the events looked at, by the kind of value; samples: the newest first."""

    key: str
    latest_at: datetime
    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    samples: list[Sample] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        """The kind that most events carry."""
        return max(KINDS, key=lambda kind: self.counts[kind])

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def add(self, kind: Kind, text: str) -> None:
        """Count one value, and keep it as a sample where there is room."""
        self.counts[kind] += 1
        self.keep(Sample(kind, text))

    def keep(self, sample: Sample) -> None:
        """Keep a sample unless it is known, too long to choose from, or one too many."""
        if len(self.samples) < MOST_SAMPLES and len(sample.text) <= LONGEST_SAMPLE and sample not in self.samples:
            self.samples.append(sample)


@dataclass(frozen=True)
class OfferedName:
    """An event name with how many events of the last days carry it; RECENT_BOUND stands for that many or more."""

    name: str
    recent_count: int

    @property
    def is_bound(self) -> bool:
        return self.recent_count >= RECENT_BOUND


Row = tuple[int, datetime, str, str, str]
Found = dict[tuple[int, str], Property]


def note(*, stretch: Mapping[str, Any], event_count: int) -> None:
    """Add what a stretch of the log holds to the catalogue; called once for each stretch, within the roll's transaction.

    stretch: the parameters epoch, after_xid, after_arrival, latest_xid and latest_arrival. Never raises.
    """
    try:
        with transaction.atomic():
            step = max(1, min(event_count, REACH) // LOOKED_AT)
            found = fold(_read("catalogue_sample", {**stretch, "step": step, "reach": REACH}))
            if found:
                _write(found)
    except Exception:
        # The roll counts what is billed; this only offers words to choose from.
        log.exception("the catalogue of event properties was not kept")


def fold(rows: Iterable[Row]) -> Found:
    """Count pairs of metadata by event name and key; what metadata cannot hold (null, from an older version) is passed over."""
    found: Found = {}
    for name_id, timestamp, key, kind, text in rows:
        if kind in KINDS:
            place = found.setdefault((name_id, key), Property(key, timestamp))
            place.latest_at = max(place.latest_at, timestamp)
            place.add(cast(Kind, kind), text)
    return found


def _read(statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, statement), parameters)
        return cursor.fetchall()


def _write(found: Found) -> None:
    names = sorted({name_id for name_id, _key in found})
    for row in EventProperty.objects.filter(event_name__in=names, key__in={key for _name, key in found}):
        if (row.event_name_id, row.key) in found:
            for sample in row.samples:
                found[row.event_name_id, row.key].keep(Sample(**sample))
    columns: dict[str, Any] = {
        "names": [name_id for name_id, _key in found],
        "keys": [key for _name, key in found],
        "strings": [one.counts["string"] for one in found.values()],
        "numbers": [one.counts["number"] for one in found.values()],
        "booleans": [one.counts["boolean"] for one in found.values()],
        "samples": [dumps([{"kind": s.kind, "text": s.text} for s in one.samples]) for one in found.values()],
        "latest": [one.latest_at for one in found.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "catalogue_write"), columns)
        cursor.execute(load(__file__, "catalogue_forget"), {"names": names, "most": MOST_KEYS})


def offered_names(*, now: datetime, contains: str = "", limit: int = MOST_NAMES) -> list[OfferedName]:
    """List event names to choose from, the busiest of the last days first."""
    parameters: dict[str, Any] = {
        "contains": contains,
        "names": MOST_NAMES,
        "since": now - RECENT,
        "bound": RECENT_BOUND,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "offered_names"), parameters)
        return [OfferedName(*row) for row in cursor.fetchall()]


def properties(event_name: str) -> list[Property]:
    """List the keys that events of a name carry, the commonest first; what the roller has not seen yet is looked up."""
    known = EventName.objects.filter(name=event_name).first()
    if known is None:
        return []
    kept = EventProperty.objects.filter(event_name=known)
    found = [_property(row) for row in kept] or list(fold(_newest(known)).values())
    return sorted(found, key=lambda one: (-one.total, one.key))


def _newest(name: EventName) -> Sequence[Row]:
    return _read("catalogue_newest", {"event_name_id": name.pk, "limit": LOOKED_AT})


def _property(row: EventProperty) -> Property:
    counts: dict[Kind, int] = {"string": row.string_count, "number": row.number_count, "boolean": row.boolean_count}
    return Property(row.key, row.latest_at, counts, [Sample(**sample) for sample in row.samples])


def near_names(event_name: str, *, limit: int = 5) -> list[str]:
    """List received names that differ from this one only in capital letters or spaces."""
    wanted = folded(event_name)
    # Not in SQL, which folds the letters of its locale only: of names there are as many as somebody thought of.
    others = EventName.objects.exclude(name=event_name).order_by("id").values_list("name", flat=True)
    return list(islice((name for name in others if folded(name) == wanted), limit))
