"""Read the event log for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q
from psycopg import sql

from customers.models import Customer
from dashboard.paging import CursorInvalid
from dashboard.reading import actors
from events import log
from events.log import Filters, LoggedEvent
from events.models import EventName, EventVoid
from meters import filter_sql
from meters.definition import Definition
from meters.filter_sql import Parameters

SIZE = 50
OFFERED_NAMES = 200


@dataclass(frozen=True)
class Shown:
    """An event in a list. quantity: what it adds to the meter whose page it is, None where that does not count it."""

    event: LoggedEvent
    customer_name: str
    quantity: Decimal | None = None


@dataclass(frozen=True)
class EventPage:
    """Some events of a list, the newest first. older: the cursor of the next page; moment: hand both on."""

    items: Sequence[Shown]
    older: str | None
    moment: str


def page(*, wanted: Filters, cursor: str | None, moment: str | None, counted_by: Definition | None = None) -> EventPage:
    """Give one page of the log. counted_by: the definition by which each event's quantity is shown. Raises CursorInvalid."""
    try:
        after = log.Cursor.parse(cursor) if cursor else None
    except ValueError as error:
        raise CursorInvalid("the place in the log cannot be read") from error
    begun = moment or log.now()
    found = log.page(filters=wanted, size=SIZE + 1, cursor=after, moment=moment)
    names = dict(Customer.objects.filter(pk__in={event.customer_id for event in found}).values_list("pk", "name"))
    shown = [Shown(event, names[event.customer_id], _counted(counted_by, event)) for event in found[:SIZE]]
    return EventPage(shown, str(shown[-1].event.cursor) if len(found) > SIZE else None, begun)


def _counted(definition: Definition | None, event: LoggedEvent) -> Decimal | None:
    if definition is None or event.is_void:
        return None
    return definition.counts(event_name=event.event_name, timestamp=event.timestamp, metadata=event.metadata)


def matched_by(definition: Definition, wanted: Filters) -> Filters:
    """Narrow a list to what a meter's name and filter let through and its aggregation can read."""
    parameters = Parameters()
    conditions: list[sql.Composable] = [filter_sql.where(definition.filter, parameters)]
    if definition.over_property is not None:
        number = filter_sql.number(definition.over_property, parameters)
        conditions.append(sql.SQL("({}) IS NOT NULL").format(number))
    return Filters(
        customer_id=wanted.customer_id,
        event_name=definition.event_name,
        start=wanted.start,
        end=wanted.end,
        where=sql.SQL(" AND ").join(conditions),
        parameters=parameters.bound,
    )


def named_acts(acts: Sequence[EventVoid]) -> list[tuple[EventVoid, str]]:
    """Put beside each act of voiding or taking back who did it."""
    named = actors.names(f"{act.actor_kind}:{act.actor_id}" for act in acts)
    return [(act, named[f"{act.actor_kind}:{act.actor_id}"]) for act in acts]


def offered_names() -> list[str]:
    """List event names to choose from, those that came first at the top."""
    return list(EventName.objects.order_by("id").values_list("name", flat=True)[:OFFERED_NAMES])


def customers_called(text: str) -> list[Customer]:
    """Find who is meant by an id of ours or theirs, an e-mail address or a part of a name; at most two."""
    whole = Q(public_id=text) | Q(external_id=text) | Q(email__iexact=text) | Q(name__iexact=text)
    exact = list(Customer.objects.filter(whole).order_by("id")[:2])
    return exact or list(Customer.objects.filter(name__icontains=text).order_by("id")[:2])
