"""Live through golden cases of credits: grants, usage and billing runs, then every invoice and every grant's ledger as text."""

from dataclasses import dataclass, field
from decimal import Decimal

from core.money import plain
from core.periods import Interval
from credits import grants
from credits.models import CreditGrant
from customers.models import Customer
from invoices.models import Invoice
from invoices.tests import story
from meters.models import Meter
from products.models import Subscription
from products.tests import making
from products.tests.making import ACTOR
from tests.golden.cases import CaseUnreadable, instant, shown
from tests.golden.invoice_facts import Words

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
            raise CaseUnreadable(f"{case.title}: {verb!r} is no fact of credits")
        _VERBS[verb](told, words)
        words.done()
    for one in Invoice.objects.exclude(number=None).order_by("series_number"):
        yield from _invoice(one, told)
    for name, grant in told.grants.items():
        for period in grant.periods.order_by("starts_at"):
            entries = ", ".join(f"{entry.kind} {plain(entry.amount)}" for entry in period.entries.order_by("id"))
            yield f"ledger {name} {shown(period.starts_at)}: {entries}"


def _invoice(one, told):
    (name,) = (name for name, subscription in told.subscriptions.items() if subscription.id == one.subscription_id)
    yield f"invoice {one.series_number} {name} {shown(one.period_start)} {shown(one.period_end)}"
    for line in one.lines.order_by("position"):
        yield (
            f"usage {line.description}: quantity {plain(line.quantity)}, free {plain(line.free_quantity)}, credited "
            f"{plain(line.credited_quantity)}, chargeable {plain(line.chargeable_quantity)}, "
            f"unrounded {plain(line.unrounded_amount)}, amount {line.amount}"
        )
        yield from (f"draw {draw.period.grant.name} {plain(draw.amount)}" for draw in _taken(one, line=line))
    yield from (f"credit {one.period.grant.name} {one.applies_to} {plain(one.amount)}" for one in _taken(one, line=None))
    for tax in one.taxes.order_by("rate"):
        yield f"tax {plain(tax.rate * 100)}%: base {tax.taxable_amount}, amount {tax.amount}"
    yield f"total {one.total}, due {one.total - one.invoice_credit_amount}"


def _taken(invoice, *, line):
    return invoice.credits.filter(line=line).select_related("period__grant").order_by("id")


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


def _void(told, words):
    grants.void(grant=told.grants[words.take()], reason="case", actor=ACTOR, now=instant(words.take()))


def _top_up(told, words):
    grant, amount, at = told.grants[words.take()], Decimal(words.take()), instant(words.take())
    grants.top_up(grant=grant, amount=amount, reason="case", actor=ACTOR, now=at)


def _bill(told, words):
    story.bill(instant(words.take()))


_VERBS = {
    "tax": _tax, "meter": _meter, "subscribe": _subscribe, "grant": _grant, "use": _use, "void": _void, "top_up": _top_up, "bill": _bill,
}  # fmt: skip
