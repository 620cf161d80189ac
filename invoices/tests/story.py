"""Tell billing stories: events at given times, runs at given times, invoices as comparable text."""

from datetime import datetime, timedelta
from itertools import count

from core.money import plain
from credits import grants
from credits.grants import GrantInput
from events.models import Event
from events.tests import sending
from invoices.models import Invoice
from invoices.run import run_billing
from products import subscribe
from products.tests.making import ACTOR, utc

_events = count()


def use(customer, event_name, at, times=1, **metadata):
    """Ingest events that happened, and were received, at a time."""
    key, _ = sending.make_key()
    events = [
        sending.event(f"e{next(_events)}", customer, event_name=event_name, timestamp=utc(at).isoformat(), metadata=metadata)
        for _ in range(times)
    ]
    result = sending.send(key, *events, received_at=utc(at))
    assert result.ingested_count == times


def late_event(customer, name, at, received, **metadata):
    """Ingest an event that happened before its cycle was billed, and arrived after; give its id."""
    key, _ = sending.make_key()
    event_id = f"late-{at}-{Event.objects.count()}"
    event = sending.event(event_id, customer, event_name=name, timestamp=utc(at).isoformat(), metadata=metadata)
    assert sending.send(key, event, received_at=utc(received), max_age=timedelta(days=366)).ingested_count == 1
    return event_id


def begin(customer, product, start, now=None, **more):
    return subscribe.create(customer=customer, product=product, start_at=utc(start), actor=ACTOR, now=utc(now or start), **more)


def give(customer, amount, start, **fields):
    """Grant units of a meter, or money."""
    kind = "units" if "meter" in fields else "money"
    currency = None if kind == "units" else fields.pop("currency", "USD")
    grant = GrantInput(kind=kind, amount=amount, currency=currency, effective_at=utc(start), **fields)
    return grants.create(customer=customer, grant=grant, actor=ACTOR, now=utc(start))


def bill(now):
    """Run the billing at a time."""
    return run_billing(now=now if isinstance(now, datetime) else utc(now), actor=ACTOR)


def invoices(**filters):
    """Every invoice as text, a list of lines each: what a clean run and a killed one must have in common."""
    return [
        list(_text(one)) for one in Invoice.objects.filter(**filters).order_by("series_number", "point_at", "subscription_id")
    ]


def _text(one):
    yield (
        f"{one.number} {one.kind} {one.status} point {one.point} {one.customer.name} "
        f"{one.period_start:%Y-%m-%d} to {one.period_end:%Y-%m-%d}"
    )
    for line in one.lines.order_by("position"):
        quantity = _figures(line) if line.kind == "usage" or line.event_count is not None else ""
        yield f"{line.position} {line.kind} {line.description}:{quantity} {line.amount}"
    for credit in one.credits.order_by("line_id", "period__grant__name"):
        yield f"credit {credit.period.grant.name} {credit.applies_to} {plain(credit.amount)}"
    for tax in one.taxes.order_by("rate"):
        yield f"tax {plain(tax.rate)} on {tax.taxable_amount}: {tax.amount}"
    if one.number:
        yield f"total {one.total}, due {one.total - one.invoice_credit_amount}"


def _figures(line):
    quantity = "none" if line.quantity is None else plain(line.quantity)
    return f" {quantity} - {plain(line.free_quantity)} - {plain(line.credited_quantity)} = {plain(line.chargeable_quantity)},"


def ledger(grant):
    """Every entry of a grant's periods as (start of period, kind, amount), in order of writing."""
    return [
        (f"{entry.period.starts_at:%Y-%m-%d}", entry.kind, plain(entry.amount))
        for period in grant.periods.order_by("starts_at")
        for entry in period.entries.order_by("id")
    ]
