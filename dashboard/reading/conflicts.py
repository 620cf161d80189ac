"""Read conflicts for pages: what stands and what came later under the same id, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from customers.models import Customer
from dashboard.reading import actors
from events import log
from events.log import LoggedEvent
from events.models import EventConflict
from events.validation import instant
from meters.filters import kind_of

Customers = Mapping[str, Customer]
MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One part of an event in both contents. A part that one of them lacks is None there; is_key: of the metadata."""

    label: str
    stored: Any
    later: Any
    differs: bool
    is_key: bool = False


@dataclass(frozen=True)
class ShownConflict:
    """A conflict with both contents, part by part, the parts that differ among them; resolved_by: who dismissed or corrected it."""

    row: EventConflict
    event: LoggedEvent
    parts: Sequence[Difference]
    resolved_by: str

    @property
    def differing(self) -> list[Difference]:
        return [part for part in self.parts if part.differs]


def shown(rows: Sequence[EventConflict]) -> list[ShownConflict]:
    """Lay conflicts out; at most four queries."""
    events = log.find_all([row.event_id for row in rows])
    customers = _customers([row.content.get("customer_id", "") for row in rows] + [one.customer for one in events.values()])
    named = {"": "", **actors.names(row.resolved_by for row in rows if row.resolved_by)}
    return [
        ShownConflict(row, events[row.event_id], _parts(events[row.event_id], row.content, customers), named[row.resolved_by])
        for row in rows
    ]


def _customers(references: Sequence[str]) -> Customers:
    """Find customers by our ids and by theirs; ours goes before an equal one of theirs."""
    found = list(Customer.objects.filter(Q(public_id__in=references) | Q(external_id__in=references)))
    theirs = {one.external_id: one for one in found if one.external_id}
    return {**theirs, **{one.public_id: one for one in found}}


def _parts(event: LoggedEvent, later: Mapping[str, Any], customers: Customers) -> list[Difference]:
    one, other = customers.get(event.customer), customers.get(later.get("customer_id", ""))
    found = [
        Difference(_("Customer"), _named(one, event.customer), _named(other, later.get("customer_id")), differs=one != other),
        Difference(
            _("Event name"), event.event_name, later.get("event_name"), differs=event.event_name != later.get("event_name")
        ),
        _timestamps(event, later.get("timestamp")),
    ]
    metadata = later.get("metadata") or {}
    return found + [_pair(key, event.metadata, metadata) for key in sorted({*event.metadata, *metadata})]


def _named(customer: Customer | None, reference: str | None) -> str | None:
    return f"{customer.name} ({customer.public_id})" if customer else reference


def _timestamps(event: LoggedEvent, later: str | None) -> Difference:
    """A time that was not sent contradicts none: a retry need not repeat it (semantics 22)."""
    moment = instant(later) if later else None
    given = event.timestamp if event.timestamp_given else None
    return Difference(_("Timestamp"), given, moment, differs=bool(given and moment and given != moment))


def _pair(key: str, stored: Mapping[str, Any], later: Mapping[str, Any]) -> Difference:
    """Compare as jsonb does: 1 equals 1.0, neither "1" nor true."""
    one, other = stored.get(key, MISSING), later.get(key, MISSING)
    differs = one != other or kind_of(one) != kind_of(other)
    return Difference(key, None if one is MISSING else one, None if other is MISSING else other, differs, is_key=True)
