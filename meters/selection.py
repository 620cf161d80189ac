"""Name a set of events by what they have in common, in a form that a job can keep and that preview and work read alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from core import exact_json
from core.errors import DomainError
from customers.models import Customer
from events.log import Filters
from events.validation import identity
from meters import filter_sql, filters, meter_sql
from meters.filter_sql import Parameters
from meters.filters import FilterTree
from meters.models import Meter

MAX_IDS = 1000


class SelectionInvalid(DomainError):
    """What is named is no set of events, or more than anybody can have meant."""

    code = "INVALID_EVENT_SELECTION"


@dataclass(frozen=True)
class Selection:
    """Which events: those of all that is given, or those of the ids. start, end: half-open, by timestamp.

    meter: what its event name and filter let through, as GET /events has it.  Make it by `of`.
    """

    meter: Meter | None = None
    event_name: str | None = None
    customer: Customer | None = None
    start: datetime | None = None
    end: datetime | None = None
    filter: FilterTree = None
    event_ids: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """The event name that all of them carry, if there is one."""
        return self.meter.event_name if self.meter else self.event_name

    @property
    def keys(self) -> list[UUID]:
        return [UUID(identity(event_id)) for event_id in self.event_ids]

    def to_json(self) -> dict[str, str | list[str]]:
        """Write it as texts, with public ids; what is not given is left out."""
        written: dict[str, Any] = {
            "meter_id": self.meter and self.meter.public_id,
            "event_name": self.event_name,
            "customer_id": self.customer and self.customer.public_id,
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "filter": self.filter and exact_json.dumps(filters.to_json(self.filter)),
            "event_ids": list(self.event_ids),
        }
        return {name: part for name, part in written.items() if part}

    @classmethod
    def from_json(cls, source: Mapping[str, Any]) -> "Selection":
        """Read what to_json wrote."""
        meter_id, customer_id, tree = source.get("meter_id"), source.get("customer_id"), source.get("filter")
        start, end = (datetime.fromisoformat(source[name]) if name in source else None for name in ("start", "end"))
        return cls(
            meter=Meter.objects.get(public_id=meter_id) if meter_id else None,
            event_name=source.get("event_name"),
            customer=Customer.objects.get(public_id=customer_id) if customer_id else None,
            start=start,
            end=end,
            filter=filters.parse(exact_json.loads(tree)) if tree else None,
            event_ids=tuple(source.get("event_ids", ())),
        )

    def log_filters(self) -> Filters:
        """Give the filters by which the log is read page by page; not for ids."""
        parameters = Parameters()
        return Filters(
            customer_id=self.customer.pk if self.customer else None,
            event_name=self.name,
            start=self.start,
            end=self.end,
            where=self._where(parameters, filter_sql.METADATA),
            parameters=parameters.bound,
        )

    def where(self, parameters: Parameters) -> sql.Composable:
        """Compose that the event `e` is one of them: true or false, never NULL."""
        if self.event_ids:
            return sql.SQL("e.key = ANY({}::uuid[])").format(parameters.add(self.keys))
        parts = [self._where(parameters, meter_sql.METADATA)]
        if self.name is not None:
            name = parameters.add(self.name)
            parts.append(sql.SQL("e.event_name_id = (SELECT id FROM events_eventname WHERE name = {})").format(name))
        if self.customer is not None:
            parts.append(sql.SQL("e.customer_id = {}").format(parameters.add(self.customer.pk)))
        if self.start is not None:
            parts.append(sql.SQL("e.timestamp >= {}").format(parameters.add(self.start)))
        if self.end is not None:
            parts.append(sql.SQL("e.timestamp < {}").format(parameters.add(self.end)))
        return sql.SQL("({})").format(sql.SQL(" AND ").join(parts))

    def _where(self, parameters: Parameters, metadata: sql.Composable) -> sql.Composable:
        trees = [filters.parse(self.meter.filter) if self.meter else None, self.filter]
        return sql.SQL(" AND ").join([filter_sql.where(tree, parameters, metadata=metadata) for tree in trees])


def of(
    *,
    meter: Meter | None = None,
    event_name: str | None = None,
    customer: Customer | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    filter: FilterTree = None,
    event_ids: Sequence[str] = (),
) -> Selection:
    """Make a selection. Raises SelectionInvalid where it names nothing, everything, or contradicts itself."""
    if not (meter or event_name or customer or event_ids):
        raise SelectionInvalid("Name a meter, an event name, a customer or event ids: nobody means all events.")
    if event_ids and (meter or event_name or customer or start or end or filter):
        raise SelectionInvalid("Give event ids alone, or what the events have in common, not both.", field="event_ids")
    if len(event_ids) > MAX_IDS:
        raise SelectionInvalid(f"Give at most {MAX_IDS} event ids at a time.", field="event_ids")
    if meter and event_name not in (None, meter.event_name):
        raise SelectionInvalid(
            f"The meter counts events named {meter.event_name}, never those named {event_name}.", field="event_name"
        )
    if start and end and not start < end:
        raise SelectionInvalid("The end must be later than the start.", field="end")
    return Selection(meter, event_name, customer, start, end, filter, tuple(dict.fromkeys(event_ids)))
