"""Read the event log for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from customers.models import Customer
from dashboard.paging import CursorInvalid
from dashboard.reading import actors
from events import log
from events.log import Cursor, Filters, LoggedEvent
from events.models import EventName, EventVoid
from meters import verdicts
from meters.definition import Definition
from meters.filters import Clause
from meters.verdicts import Verdict

SIZE = 50
OFFERED_NAMES = 200
LOOKED_AT = 20_000
"""So many events are looked at for one page of what fits a meter's filter: about 50 milliseconds."""


@dataclass(frozen=True)
class Shown:
    """An event in a list. verdict: what the meter whose page it is makes of it, None where its name is another."""

    event: LoggedEvent
    customer_name: str
    verdict: Verdict | None = None

    @property
    def clause(self) -> Clause | None:
        """The clause of the filter that keeps the event out, if one does."""
        return verdicts.excluding(self.verdict) if self.verdict else None


@dataclass(frozen=True)
class EventPage:
    """Some events of a list, the newest first. older: the cursor of the next page; moment: hand both on.

    looked_to: the page is not full because the look for what fits ended there; the next page goes on with it.
    """

    items: Sequence[Shown]
    older: str | None
    moment: str
    looked_to: datetime | None = None


def page(*, wanted: Filters, cursor: str | None, moment: str | None, counted_by: Definition | None = None) -> EventPage:
    """Give one page of the log. counted_by: the definition by which each event is judged. Raises CursorInvalid."""
    after = _place(cursor, moment)
    begun = moment or log.now()
    looked_to = None
    if wanted.where is not None and wanted.event_name is not None:
        part = log.fitting(filters=wanted, size=SIZE + 1, most=LOOKED_AT, cursor=after, moment=moment)
        found, looked_to = part.events, part.looked_to
    else:
        found = log.page(filters=wanted, size=SIZE + 1, cursor=after, moment=moment)
    names = dict(Customer.objects.filter(pk__in={event.customer_id for event in found}).values_list("pk", "name"))
    shown = [Shown(event, names[event.customer_id], _verdict(counted_by, event)) for event in found[:SIZE]]
    last = shown[-1].event.cursor if len(found) > SIZE else looked_to
    return EventPage(shown, str(last) if last else None, begun, looked_to.timestamp if looked_to else None)


def _place(cursor: str | None, moment: str | None) -> Cursor | None:
    try:
        if moment:
            log.checked_moment(moment)
        return log.Cursor.parse(cursor) if cursor else None
    except ValueError as error:
        raise CursorInvalid("the place in the log cannot be read") from error


def _verdict(definition: Definition | None, event: LoggedEvent) -> Verdict | None:
    if definition is None or event.event_name != definition.event_name:
        return None
    return verdicts.verdict(definition, timestamp=event.timestamp, metadata=event.metadata, is_void=event.is_void)


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
