"""List the events behind a line: those that a usage line counted, and those that caused an adjustment."""

from collections.abc import Iterator
from datetime import datetime

from core.errors import DomainError
from core.periods import Period
from events.models import LogSnapshot
from invoices import recount
from invoices.models import InvoiceLine
from meters import behind
from meters.behind import Asked, Behind, Place
from meters.definition import Definition
from meters.meter_sql import Snapshot


class LineWithoutEvents(DomainError):
    """A fee, a one-time price or what fills up a minimum is made of no events."""

    code = "LINE_WITHOUT_EVENTS"


def asked(line: InvoiceLine) -> Asked:
    """Say which events lie behind a line; `line` with its invoice and snapshot. Raises LineWithoutEvents."""
    if line.definition is None or line.snapshot is None:
        raise LineWithoutEvents(f"A line of kind {line.kind} is made of no events.")
    since, definition = line.waterfall.get("since"), Definition.from_json(line.definition)
    earlier = recount.earlier_of(line) if since else None
    # What other terms charged earlier in the same cycle says where in the tiers the line begins.
    changed_in = Period(earlier.start, line.period_end) if earlier else recount.counted_period(line, definition)
    return Asked(
        definition=definition,
        customer_id=line.invoice.customer_id,
        period=changed_in,
        at=of(line.snapshot),
        since=Snapshot(since["log_epoch"], since["snapshot"]) if since else None,
    )


def is_difference(line: InvoiceLine) -> bool:
    """Whether a line's events are those that changed its charge."""
    return "since" in line.waterfall


def place(text: str) -> Place:
    """Read a place in a list of events as a cursor writes it. Raises ValueError."""
    timestamp, _, arrival = text.partition("|")
    return Place(datetime.fromisoformat(timestamp), int(arrival))


def cursor(event: Behind) -> str:
    """Write the place of an event as `place` reads it."""
    return f"{event.place.timestamp.isoformat()}|{event.place.arrival}"


def of(snapshot: LogSnapshot) -> Snapshot:
    """Give a stored snapshot."""
    return Snapshot(snapshot.log_epoch, snapshot.snapshot)


def csv(line: InvoiceLine) -> Iterator[bytes]:
    """Give a CSV file with a row for each event, newest first, piece by piece. Raises LineWithoutEvents, before anything is sent."""
    return behind.csv(asked(line))
