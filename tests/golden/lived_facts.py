"""Live through golden cases on a database: grants, usage, ends, late events, voids, billing runs; then every invoice and ledger."""

from dataclasses import dataclass, field
from decimal import Decimal

from core.money import plain
from core.periods import Interval
from credits import entering, grants
from credits.models import CreditEntry, CreditGrant, EntryKind
from customers.models import Customer
from events.models import Event
from invoices import void
from invoices.models import Invoice, InvoiceKind, InvoiceStatus
from invoices.tests import story
from meters import void as voids
from meters.models import Meter
from products.cancel import Cancellation, cancel_now
from products.models import Subscription
from products.tests import making
from products.tests.making import ACTOR
from tests.golden.cases import CaseUnreadable, instant, shown
from tests.golden.invoice_facts import Words

# The grant of what an invoice came to below zero: nobody named it.
_CARRIED = "carried"
_KINDS = {InvoiceKind.ADJUSTMENT: "adjustment", InvoiceKind.CREDIT_NOTE: "credit_note"}
EVERY = {"weekly": Interval("Week", 1), "monthly": Interval("Month", 1)}


@dataclass
class Told:
    """What the case has said so far."""

    customer: Customer
    meters: dict[str, tuple[Meter, dict]] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    grants: dict[str, CreditGrant] = field(default_factory=dict)


def render(case):
    """Give the lines of every invoice in order of number, then the ledger of every grant, period by period."""
    told = Told(making.customer())
    for fact in case.facts:
        words = Words(fact)
        verb = words.take()
        if verb not in _VERBS:
            raise CaseUnreadable(f"{case.title}: {verb!r} is no fact of a case that is lived through")
        _VERBS[verb](told, words)
        words.done()
    for one in Invoice.objects.exclude(number=None).order_by("-series__series", "series_number"):  # credit notes last
        yield from _invoice(one, told)
    carried = CreditGrant.objects.filter(customer=told.customer).exclude(id__in=[grant.id for grant in told.grants.values()])
    for name, grant in [*told.grants.items(), *((_CARRIED, grant) for grant in carried.order_by("id"))]:
        for period in grant.periods.order_by("starts_at"):
            entries = ", ".join(f"{entry.kind} {plain(entry.amount)}" for entry in period.entries.order_by("id"))
            yield f"ledger {name} {shown(period.starts_at)}: {entries}"


def _invoice(one, told):
    (name,) = (name for name, subscription in told.subscriptions.items() if subscription.id == one.subscription_id)
    kind = _KINDS.get(one.kind, "invoice")
    ending = " void" if one.status == InvoiceStatus.VOID else ""
    yield f"{kind} {one.series_number} {name} {shown(one.period_start)} {shown(one.period_end)}{ending}"
    for line in one.lines.order_by("position"):
        yield (
            f"{line.kind} {line.description}: quantity {plain(line.quantity)}, free {plain(line.free_quantity)}, credited "
            f"{plain(line.credited_quantity)}, chargeable {plain(line.chargeable_quantity)}, "
            f"unrounded {plain(line.unrounded_amount)}, amount {line.amount}"
        )
        yield from (f"draw {draw.period.grant.name} {plain(draw.amount)}" for draw in _taken(one, line=line))
        yield from (f"return {entry.period.grant.name} {plain(entry.amount)}" for entry in _given_back(line))
    yield from (
        f"credit {one.period.grant.name or _CARRIED} {one.applies_to} {plain(one.amount)}" for one in _taken(one, line=None)
    )
    for tax in one.taxes.order_by("rate"):
        yield f"tax {plain(tax.rate * 100)}%: base {tax.taxable_amount}, amount {tax.amount}"
    yield f"total {one.total}, due {one.total - one.invoice_credit_amount}"
    if one.carried_forward_amount:
        yield f"carried forward {one.carried_forward_amount}"


def _taken(invoice, *, line):
    return invoice.credits.filter(line=line).select_related("period__grant").order_by("id")


def _given_back(line):
    returned = CreditEntry.objects.filter(line_id=line.public_id, kind=EntryKind.RETURNED)
    return returned.select_related("period__grant").order_by("id")


def _tax(told, words):
    told.customer.tax_rate = Decimal(words.take().removesuffix("%")).scaleb(-2)
    told.customer.save()


def _meter(told, words):
    name, model, price = words.take(), words.take(), words.take()
    if model != "per_unit":
        raise CaseUnreadable(f"meter {name} {model}")
    told.meters[name] = making.meter(name, "sum", "n"), {"unit_price": price, "free_threshold": int(words.option("free", "0"))}


def _subscribe(told, words):
    name, start = words.take(), words.take()
    priced = []
    while words.words:
        meter, price = told.meters[words.take()]
        priced.append(making.per_unit(meter, **price))
    told.subscriptions[name] = story.begin(told.customer, making.product(*priced, name=name), start)


def _grant(told, words):
    name, kind = words.take(), words.take()
    fields = {"meter": told.meters[words.take()][0]} if kind == "units" else {"applies_to": kind}
    amount, start = Decimal(words.take()), words.take()
    fields["priority"] = int(words.option("priority", "100"))
    if (cap := words.option("capped")) is not None:
        fields |= {"rollover": "capped", "rollover_cap": Decimal(cap)}
    elif words.flag("rolling"):
        fields["rollover"] = "all"
    if (followed := words.option("with")) is not None:
        fields |= {"renews": True, "subscription": told.subscriptions[followed]}
    for word, interval in EVERY.items():
        if words.flag(word):
            fields |= {"renews": True, "renewal": interval}
    fields["expires_at"] = instant(words.take()) if words.words else None
    told.grants[name] = story.give(told.customer, amount, start, name=name, **fields)


def _use(told, words):
    name, at = words.take(), words.take()
    story.use(told.customer, name, at.removesuffix("Z"), n=int(words.take()))


def _late(told, words):
    name, at, quantity, received = words.take(), words.take(), int(words.take()), words.take()
    story.late_event(told.customer, name, at.removesuffix("Z"), received, n=quantity)


def _void_event(told, words):
    name, at, quantity, voided_at = words.take(), instant(words.take()), int(words.take()), instant(words.take())
    sent = Event.objects.filter(customer_id=told.customer.id, event_name__name=name, timestamp=at, metadata__n=quantity)
    voids.void(event=sent.get(), reason="case", actor=ACTOR, now=voided_at)


def _void_invoice(told, words):
    number, at, then = int(words.take()), instant(words.take()), words.take()
    one = Invoice.objects.get(series__series="INV", series_number=number)
    void.void(invoice=one, then=then, reason="case", actor=ACTOR, now=at)


def _cancel(told, words):
    subscription, at = told.subscriptions[words.take()], instant(words.take())
    cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=at)


def _void(told, words):
    grants.void(grant=told.grants[words.take()], reason="case", actor=ACTOR, now=instant(words.take()))


def _top_up(told, words):
    grant, amount, at = told.grants[words.take()], Decimal(words.take()), instant(words.take())
    entering.top_up(grant=grant, amount=amount, reason="case", actor=ACTOR, now=at)


def _bill(told, words):
    story.bill(instant(words.take()))


_VERBS = {
    "tax": _tax, "meter": _meter, "subscribe": _subscribe, "cancel": _cancel, "grant": _grant, "use": _use, "late": _late,
    "void_event": _void_event, "void_invoice": _void_invoice, "void": _void, "top_up": _top_up, "bill": _bill,
}  # fmt: skip
