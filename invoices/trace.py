"""Join an event's explanation with the invoice lines that carry it: counted then, arrived after, voided since; or not billed, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Literal

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q

from core.periods import Period
from core.text import gettext_noop as _
from customers.models import Customer
from events.log import LoggedEvent
from invoices.models import Invoice, InvoiceLine, InvoiceStatus, LineKind
from meters import explain
from meters.definition import Definition
from meters.explain import Explanation, Seen
from meters.models import Meter
from meters.void_preview import Preview
from products.models import Subscription, SubscriptionMeter

SHOWN = 20
COUNTED = 1000
Standing = Literal["counted", "counted_voided_since", "void_then", "arrived_after"]
STANDINGS = {
    "counted": _("counted in this line"),
    "counted_voided_since": _("counted in this line, and voided since then"),
    "void_then": _("void when this line was made, so not counted"),
    "arrived_after": _("late: it arrived after this line was made"),
}


@dataclass(frozen=True)
class CarryingLine:
    """A line of an issued invoice over the event's time. quantity: what the event adds by the definition that the line stored."""

    line: InvoiceLine
    standing: Standing
    quantity: Decimal


@dataclass(frozen=True)
class Unbilled:
    """A meter that counts the event, on no line so far. subscription: the one whose next invoice has it; None: it is billed to nobody."""

    meter: Meter
    subscription: Subscription | None


@dataclass(frozen=True)
class Trace:
    """Where an event stands in what is billed."""

    lines: Sequence[CarryingLine] = ()
    unbilled: Sequence[Unbilled] = ()


def trace(explanation: Explanation) -> Trace:
    """Find the lines that carry the event, by their meter, customer, period and snapshot. At most four queries."""
    event = explanation.event
    if event is None:
        return Trace()
    lines = list(_lines_over(event, [one.meter for one in explanation.meters]))
    seen = explain.seen(event, [line.snapshot_id for line in lines if line.snapshot_id is not None])
    carrying = [found for line in lines if (found := _carrying(line, event, seen[line.snapshot_id or 0]))]
    billed = {found.line.meter_id for found in carrying}
    counting = [one.meter for one in explanation.meters if one.verdict.counted and one.meter.pk not in billed]
    return Trace(carrying, _unbilled(event, counting))


def _lines_over(event: LoggedEvent, meters: Sequence[Meter]) -> Sequence[InvoiceLine]:
    about = Q(meter__in=meters, invoice__customer=event.customer_id, snapshot__isnull=False)
    at = Q(period_start__lte=event.timestamp, period_end__gt=event.timestamp)
    found = InvoiceLine.objects.filter(about & at).select_related("invoice", "meter", "adjusts", "snapshot")
    return list(found.order_by("invoice__issued_at", "id"))


def _carrying(line: InvoiceLine, event: LoggedEvent, seen: Seen) -> CarryingLine | None:
    """Say how a line stands to the event; None where its stored definition does not count it."""
    source = line.definition or (line.adjusts.definition if line.adjusts else None)
    if source is None:
        return None
    quantity = Definition.from_json(source).counts(
        event_name=event.event_name, timestamp=event.timestamp, metadata=event.metadata
    )
    return None if quantity is None else CarryingLine(line, _standing(event, seen), quantity)


def _standing(event: LoggedEvent, seen: Seen) -> Standing:
    if not seen.event:
        return "arrived_after"
    if seen.void:
        return "void_then"
    return "counted_voided_since" if event.is_void else "counted"


def _unbilled(event: LoggedEvent, meters: Sequence[Meter]) -> list[Unbilled]:
    carried = SubscriptionMeter.objects.filter(meter__in=meters, customer=event.customer_id, during__contains=event.timestamp)
    subscriptions = {row.meter_id: row.subscription for row in carried.select_related("subscription")}
    return [Unbilled(meter, subscriptions.get(meter.pk)) for meter in meters]


def is_subscribed(*, meter: Meter, customer: Customer, period: Period) -> bool:
    """Tell whether some subscription of the customer carries the meter at some time of the period; else its usage is billed to nobody."""
    during = DateTimeTZRange(period.start, None if period.is_open else period.end)
    return SubscriptionMeter.objects.filter(meter=meter, customer=customer, during__overlap=during).exists()


@dataclass(frozen=True)
class Touched:
    """What a change of usage reaches: drafts, which follow by themselves, and lines of issued invoices, which the next invoice adjusts.

    At most 20 of each, and how many there are, counted up to 1000.
    """

    drafts: Sequence[Invoice] = ()
    draft_count: int = 0
    lines: Sequence[InvoiceLine] = ()
    line_count: int = 0


def touched(preview: Preview) -> Touched:
    """Find the invoices over the time and customers of a preview, as far as its changes name them. Four queries."""
    meters: dict[int, list[int]] = {}
    for one in preview.changes:
        if one.before != one.after:
            meters.setdefault(one.customer.pk, []).append(one.meter.pk)
    if preview.period is None or not meters:
        return Touched()
    within = Q(period_start__lt=preview.period.end, period_end__gt=preview.period.start)
    drafts = Invoice.objects.filter(within, status=InvoiceStatus.DRAFT, customer__in=meters)
    changed = reduce(or_, (Q(invoice__customer=customer, meter__in=of_it) for customer, of_it in meters.items()))
    lines = InvoiceLine.objects.filter(within, changed, kind=LineKind.USAGE).exclude(invoice__status=InvoiceStatus.VOID)
    return Touched(
        drafts=list(drafts.select_related("customer").order_by("point_at", "id")[:SHOWN]),
        draft_count=drafts[:COUNTED].count(),
        lines=list(lines.select_related("invoice", "invoice__customer", "meter").order_by("-invoice__issued_at", "id")[:SHOWN]),
        line_count=lines[:COUNTED].count(),
    )
