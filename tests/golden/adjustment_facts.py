"""Read golden cases of adjustments: an invoice, what came late, and the invoices that follow it."""

from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from core.money import plain
from core.periods import Period
from credits.burndown import after
from invoices.adjustment import AdjustmentInput, ClosedCharge, adjust, by_period, figures_of, merged, quantities_of
from invoices.assemble import FeeInput, InvoiceInputs, MoneyBalance, invoice
from tests.golden import invoice_facts
from tests.golden.cases import Case, CaseUnreadable, instant, shown
from tests.golden.invoice_facts import Words

LATER = {"late", "void", "settled", "next"}


@dataclass
class Story:
    """What stands billed, and what the grants hold, as the case goes on."""

    facts: invoice_facts.Facts
    first: InvoiceInputs
    closed: dict[int, ClosedCharge] = field(default_factory=dict)
    held: dict[int, tuple] = field(default_factory=dict)
    money: tuple[MoneyBalance, ...] = ()
    settled: set[int] = field(default_factory=set)


def render(case):
    """Give the lines of the first invoice and of every one that follows."""
    first = [fact for fact in case.facts if fact[0] not in LATER]
    facts = invoice_facts.read(Case(case.file, case.title, tuple(first), case.gives))
    story = Story(facts, invoice_facts.inputs(facts))
    story.money = story.first.money_balances
    yield from _first(story)
    for fact in case.facts:
        if fact[0] in LATER:
            words = Words(fact)
            yield from _VERBS[words.take()](story, words)
            words.done()


def _first(story):
    made = invoice(inputs=story.first)
    yield from invoice_facts.render(made, story.facts)
    for line in made.lines:
        if line.waterfall is None:
            continue
        usage = next(one.usage for one in story.first.usages if one.meter == line.meter)
        fall = line.waterfall
        story.closed[line.meter] = ClosedCharge(
            line.terms, fall.proration, quantities_of(usage), fall.draws, figures_of(fall, usage.event_count)
        )
        drawn = {draw.grant_period_id for draw in fall.draws}
        left = after(story.first.unit_balances.get(line.meter, ()), fall.draws)
        story.held[line.meter] = tuple(one for one in left if one.grant_period_id in drawn)
    _spend(story, made)


def _spend(story, made):
    spent = {credit.grant_period_id: credit.amount for credit in made.credits}
    story.money = tuple(
        replace(one, balance=replace(one.balance, available=one.balance.available - spent.get(one.balance.grant_period_id, 0)))
        for one in story.money
    )


def _late(story, words):
    story.facts.uses.append((words.take(), instant(words.take()), Decimal(words.take())))
    return ()


def _void(story, words):
    gone = (words.take(), instant(words.take()), Decimal(words.take()))
    if gone not in story.facts.uses:
        raise CaseUnreadable(f"there is no such event to void: {gone}")
    story.facts.uses.remove(gone)
    return ()


def _settled(story, words):
    key = story.facts.grants.index(words.take())
    story.settled.add(key)
    story.held = {
        meter: tuple(replace(one, available=Decimal(0)) if one.grant_period_id == key else one for one in held)
        for meter, held in story.held.items()
    }
    return ()


def _next(story, words):
    period = Period(instant(words.take()), instant(words.take()))
    fee = words.option("fee")
    fees = () if fee is None else (FeeInput("fixed_fee", "fee", int(fee), period),)
    adjusted = tuple(_adjusted(story, one) for one in invoice_facts.inputs(story.facts).usages)
    needed = tuple(one for one in adjusted if one.adjustment.is_needed)
    made = invoice(
        inputs=InvoiceInputs(
            story.facts.currency,
            period,
            fees,
            money_balances=story.money,
            tax_rate=story.first.tax_rate,
            tax_inclusive=story.first.tax_inclusive,
            adjustments=needed,
        )
    )
    _spend(story, made)
    yield f"next {shown(period.start)}"
    yield from (text for line in made.lines for text in _line(line, story.facts))
    yield from list(invoice_facts.render(replace(made, lines=()), story.facts))


def _adjusted(story, now):
    closed, held = story.closed[now.meter], story.held[now.meter]
    found = adjust(closed=closed, usage=now.usage, balances=held)
    # What makes no line is billed by none: the next look starts from the same charge.
    if found.is_needed:
        draws = merged([*closed.draws, *found.moves])
        story.closed[now.meter] = replace(
            closed, quantities=quantities_of(now.usage), draws=draws, billed=closed.billed + found.change
        )
    story.held[now.meter] = after(held, [move for move in found.moves if move.grant_period_id not in story.settled])
    first = story.first
    period = first.period
    return AdjustmentInput(
        now.meter, now.meter, now.description, period, closed.terms, first.tax_rate, first.tax_inclusive, found
    )


def _line(line, facts):
    if line.adjusts is None or line.is_minimum:
        what = f"adjustment {line.description} minimum" if line.is_minimum else f"{line.kind} {line.description}"
        yield f"{what}: unrounded {plain(line.unrounded_amount)}, amount {line.amount}"
        return
    change = line.figures
    quantity = "none" if change.quantity is None else plain(change.quantity)
    yield (
        f"adjustment {line.description}: quantity {quantity}, free {plain(change.free_quantity)}, "
        f"credited {plain(change.credited_quantity)}, chargeable {plain(change.chargeable_quantity)}, "
        f"unrounded {plain(line.unrounded_amount)}, amount {line.amount}"
    )
    for key, units in by_period(line.adjusts.adjustment.moves).items():
        if units:
            yield f"{'draw' if units > 0 else 'return'} {facts.grants[key]} {plain(abs(units))}"


_VERBS = {"late": _late, "void": _void, "settled": _settled, "next": _next}
