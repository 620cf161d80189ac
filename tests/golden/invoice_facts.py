"""Turn the facts of a golden invoice into InvoiceInputs, and an InvoiceDraft back into text."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from core.money import exact, plain
from core.periods import FOREVER, Period
from credits.burndown import Balance, PhaseUsage, phases
from invoices.assemble import FeeInput, InvoiceDraft, InvoiceInputs, Line, MoneyBalance, UsageInput
from invoices.charge import MeteredUsage
from products.pricing import PriceTerms, Tier
from tests.golden.cases import CaseUnreadable, instant


@dataclass
class Facts:
    """What the lines of a case said, before it is put together."""

    header: tuple[str, ...] = ()
    fees: list[FeeInput] = field(default_factory=list)
    meters: dict[str, tuple[str, PriceTerms, Fraction]] = field(default_factory=dict)
    uses: list[tuple[str, datetime, Decimal]] = field(default_factory=list)
    units: dict[str, list[Balance]] = field(default_factory=dict)
    money: list[MoneyBalance] = field(default_factory=list)
    grants: list[str] = field(default_factory=list)

    @property
    def currency(self) -> str:
        return self.header[0]


class Words:
    """The words of one line; whoever takes none of them leaves the case unread."""

    def __init__(self, words):
        self.words = list(words)

    def take(self):
        if not self.words:
            raise CaseUnreadable("a line is too short")
        return self.words.pop(0)

    def option(self, name, default=None):
        if name not in self.words:
            return default
        at = self.words.index(name)
        _, chosen = self.words.pop(at), self.words.pop(at)
        return chosen

    def flag(self, name):
        return name in self.words and not self.words.remove(name)

    def done(self):
        if self.words:
            raise CaseUnreadable(f"unknown words: {' '.join(self.words)}")


def read(case):
    """Give the facts of a case. Raises CaseUnreadable."""
    facts = Facts()
    for fact in case.facts:
        words = Words(fact)
        verb = words.take()
        if verb not in _VERBS:
            raise CaseUnreadable(f"{case.title}: {verb!r} is no fact of an invoice")
        _VERBS[verb](facts, words)
        words.done()
    return facts


def inputs(facts):
    """Put the facts together as the billing run would have read them."""
    words = Words(facts.header[1:])
    period = Period(instant(words.take()), instant(words.take()))
    rate = Decimal(words.option("tax", "0%").removesuffix("%")).scaleb(-2)
    inclusive = words.flag("inclusive")
    words.done()
    keys = {name: number for number, name in enumerate(facts.meters)}
    unknown = {name for name, _, _ in facts.uses} | set(facts.units)
    if unknown - set(keys):
        raise CaseUnreadable(f"no such meter: {unknown - set(keys)}")
    return InvoiceInputs(
        currency=facts.currency,
        period=period,
        fees=tuple(facts.fees),
        usages=tuple(
            UsageInput(keys[name], name, _usage(facts, name, period), terms, part)
            for name, (_, terms, part) in facts.meters.items()
        ),
        unit_balances={keys[name]: tuple(balances) for name, balances in facts.units.items()},
        money_balances=tuple(facts.money),
        tax_rate=rate,
        tax_inclusive=inclusive,
    )


def render(draft: InvoiceDraft, facts: Facts):
    """Write every figure of an invoice, a line each."""
    yield from (text for line in draft.lines for text in _line(line, facts))
    for credit in draft.credits:
        yield f"credit {facts.grants[credit.grant_id]} {credit.applies_to} {credit.amount}"
    for tax in draft.taxes:
        yield f"tax {plain(tax.rate * 100)}%: base {tax.base}, amount {tax.amount}"
    yield f"subtotal {draft.subtotal}, tax {draft.tax}, total {draft.total}, due {draft.amount_due}"
    if draft.carried_forward:
        yield f"carried forward {draft.carried_forward}"


def _line(line: Line, facts: Facts):
    if line.waterfall is None:
        yield f"{line.kind} {line.description}: unrounded {plain(line.unrounded_amount)}, amount {line.amount}"
        return
    fall = line.waterfall
    quantity = "none" if fall.quantity is None else plain(fall.quantity)
    yield (
        f"usage {line.description}: quantity {quantity}, free {plain(fall.free_quantity)}, "
        f"credited {plain(fall.credited_quantity)}, chargeable {plain(fall.chargeable_quantity)}, "
        f"unrounded {plain(line.unrounded_amount)}, amount {line.amount}"
    )
    for draw in fall.draws:
        yield f"draw {facts.grants[draw.grant_id]} {plain(draw.amount)}"


@exact()
def _usage(facts, name, period):
    aggregation = facts.meters[name][0]
    events = sorted((at, position, quantity) for position, (meter, at, quantity) in enumerate(facts.uses) if meter == name)
    if any(not period.contains(at) for at, _, _ in events):
        raise CaseUnreadable(f"an event of {name} lies outside the cycle")
    if aggregation in ("max", "last"):
        quantities = [quantity for _, _, quantity in events]
        whole = (max(quantities) if aggregation == "max" else quantities[-1]) if quantities else None
        return MeteredUsage(period, len(events), whole=whole)
    parts = phases(cycle=period, balances=facts.units.get(name, ()))
    summed = [PhaseUsage(part, sum((q for at, _, q in events if part.contains(at)), Decimal(0))) for part in parts]
    return MeteredUsage(period, len(events), phases=tuple(summed))


def _header(facts, words):
    facts.header, words.words = tuple(words.words), []


def _fee(facts, words):
    amount, period = int(words.take()), Period(instant(words.take()), instant(words.take()))
    kind = "one_time" if words.flag("one_time") else "fixed_fee"
    facts.fees.append(FeeInput(kind, "fee", amount, period, Fraction(words.option("part", "1"))))


def _meter(facts, words):
    name, aggregation, model = words.take(), words.take(), words.take()
    part = Fraction(words.option("part", "1"))
    options = {key: words.option(key) for key in ("minimum", "maximum")}
    free = Decimal(words.option("free", "0"))
    price, size, tiers = None, None, ()
    if model in ("per_unit", "package"):
        price = Decimal(words.take())
        size = Decimal(words.option("per")) if model == "package" else None
    else:
        tiers, words.words = tuple(_tier(word) for word in words.words), []
    limits = {f"{key}_amount": None if text is None else int(text) for key, text in options.items()}
    terms = PriceTerms(facts.currency, model, price, free, tiers, size, **limits)
    if aggregation not in ("count", "sum", "max", "last") or name in facts.meters:
        raise CaseUnreadable(f"meter {name} {aggregation}")
    facts.meters[name] = (aggregation, terms, part)


def _tier(word):
    bound, price = word.split(":")
    price, _, flat = price.partition("+")
    return Tier(None if bound == "*" else Decimal(bound), Decimal(price), int(flat or 0))


def _use(facts, words):
    facts.uses.append((words.take(), instant(words.take()), Decimal(words.take())))


def _grant(facts, words):
    name, kind = words.take(), words.take()
    meter = words.take() if kind == "units" else None
    priority, voided = int(words.option("priority", "0")), words.option("voided")
    amount, start = Decimal(words.take()), instant(words.take())
    end = instant(words.take()) if words.words else FOREVER
    key = len(facts.grants)
    facts.grants.append(name)
    balance = Balance(key, key, priority, Period(start, end), amount, None if voided is None else instant(voided))
    if meter is not None:
        facts.units.setdefault(meter, []).append(balance)
    elif kind in ("usage", "invoice"):
        facts.money.append(MoneyBalance(kind, balance))
    else:
        raise CaseUnreadable(f"grant {name} {kind}")


_VERBS = {"invoice": _header, "fee": _fee, "meter": _meter, "use": _use, "grant": _grant}
