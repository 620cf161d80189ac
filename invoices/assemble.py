"""Put a whole invoice together from what was read: lines, credits, taxes, totals. PURE.

Drafts, previews, issuing and verify all compute with `invoice`. subtotal = sum of lines; usage credits come off before tax, never
below zero; tax is computed once per rate; invoice credits (wallets) come off the total after tax, like a payment.

# Note [Lines that are alike]
The fee of a product, and usage of nothing or of a few seats, make the same line on thousands of invoices. Whoever reads many points at
once gives the input of such lines as one and the same object, and the line that no credit reduces is made once for it. Inputs of usage
are told apart by identity only: 2 and 2.0 are equal, and written differently.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from core.money import WHOLE, approximate, exact, largest_remainders, ratio, round_half_away
from core.periods import Period
from credits.burndown import Balance, after, burn
from invoices.adjustment import AdjustmentInput, Figures
from invoices.charge import MeteredUsage, Waterfall, charge
from products.pricing import PriceTerms

LineKind = Literal["fixed_fee", "usage", "minimum", "one_time", "adjustment"]
AppliesTo = Literal["usage", "invoice"]
# Money credits for usage cover what usage caused; a fixed fee or a one-time price is not usage.
COVERED_BY_USAGE_CREDIT: frozenset[LineKind] = frozenset({"usage", "minimum", "adjustment"})
_ALIKE = 1024


class FeeInput(Struct, frozen=True):
    """A fixed or one-time amount. See Note [Lines that are alike].

    amount: minor units for a whole cycle, for `quantity` of the product.  proration: the part of one that `period` lasts, below zero
    where it is given back.  product_id: public.
    """

    kind: LineKind
    description: str
    amount: int
    period: Period
    proration: Fraction = WHOLE
    product_id: str = ""
    quantity: int = 1

    def __hash__(self) -> int:
        # All of it would take as long as making the line; without the start all opening fees of a product would be looked through.
        return hash((self.product_id, self.amount, self.period.start))


class UsageInput(Struct, frozen=True, eq=False):
    """One meter's usage with its terms. meter: any key; unit balances are found by it. See Note [Lines that are alike]."""

    meter: int
    description: str
    usage: MeteredUsage
    terms: PriceTerms
    proration: Fraction = WHOLE


class MoneyBalance(Struct, frozen=True):
    """A money grant of the invoice's currency and what it applies to."""

    applies_to: AppliesTo
    balance: Balance


class InvoiceInputs(Struct, frozen=True):
    """All that decides an invoice's figures.

    period: the invoice's, which decides the money credits that may be used.  unit_balances: by meter.
    tax_rate: a fraction, 0.19 for 19 %.  tax_inclusive: the amounts of the lines hold the tax already.
    adjustments: what closed cycles are charged more or less by now; each has the tax rate of the invoice that it corrects.
    """

    currency: str
    period: Period
    fees: tuple[FeeInput, ...] = ()
    usages: tuple[UsageInput, ...] = ()
    unit_balances: Mapping[int, tuple[Balance, ...]] | None = None
    money_balances: tuple[MoneyBalance, ...] = ()
    tax_rate: Decimal = Decimal(0)
    tax_inclusive: bool = False
    adjustments: tuple[AdjustmentInput, ...] = ()


class Line(Struct, frozen=True):
    """One line. amount: minor units, rounded once.  unrounded_amount: before rounding and maximum.

    waterfall: every figure behind a usage line.  meter: that of a usage or minimum line.
    adjusts: what an adjustment line is a part of; is_minimum: the part that fills up a minimum.
    """

    kind: LineKind
    description: str
    period: Period
    amount: int
    unrounded_amount: Decimal
    tax_rate: Decimal
    tax_inclusive: bool
    meter: int | None = None
    terms: PriceTerms | None = None
    waterfall: Waterfall | None = None
    event_count: int | None = None
    adjusts: AdjustmentInput | None = None
    is_minimum: bool = False

    @property
    def figures(self) -> Waterfall | Figures | None:
        """The quantities behind the amount: of a usage line the whole, of an adjustment what changed, of other lines none."""
        if self.adjusts is not None:
            return None if self.is_minimum else self.adjusts.adjustment.change
        return self.waterfall


class TaxLine(Struct, frozen=True):
    """Tax of one rate. base: minor units after usage credits, without the tax.  amount: minor units."""

    rate: Decimal
    is_inclusive: bool
    base: int
    amount: int


class Credit(Struct, frozen=True):
    """Money taken from one grant period. amount: minor units, > 0."""

    grant_period_id: int
    grant_id: int
    applies_to: AppliesTo
    amount: int


class InvoiceDraft(Struct, frozen=True):
    """The whole invoice. All amounts in minor units of its currency.

    carried_forward: what lies below zero; it becomes a money grant of the customer, and the total is zero.
    """

    currency: str
    lines: tuple[Line, ...]
    credits: tuple[Credit, ...]
    taxes: tuple[TaxLine, ...]
    subtotal: int
    tax: int
    total: int
    amount_due: int
    carried_forward: int


@exact()
def invoice(*, inputs: InvoiceInputs) -> InvoiceDraft:
    """Assemble the invoice: lines, usage credits, taxes, total, invoice credits, in this order."""
    lines = (*_fee_lines(inputs), *_usage_lines(inputs), *_adjustment_lines(inputs))
    subtotal = sum([line.amount for line in lines])
    usage_credits = _draw(inputs, "usage", _coverable(lines, subtotal))
    credited = sum([credit.amount for credit in usage_credits])
    taxes = taxes_of(lines, credited)
    balance = subtotal - credited + sum([one.amount for one in taxes if not one.is_inclusive])
    total = max(0, balance)
    invoice_credits = _draw(inputs, "invoice", total)
    return InvoiceDraft(
        currency=inputs.currency,
        lines=lines,
        credits=(*usage_credits, *invoice_credits),
        taxes=taxes,
        subtotal=subtotal,
        tax=sum([one.amount for one in taxes]),
        total=total,
        amount_due=total - sum([credit.amount for credit in invoice_credits]),
        carried_forward=total - balance,
    )


def _fee_lines(inputs: InvoiceInputs) -> Iterable[Line]:
    return [_fee_line(fee, inputs.tax_rate, inputs.tax_inclusive) for fee in inputs.fees]


@lru_cache(maxsize=_ALIKE)
def _fee_line(fee: FeeInput, tax_rate: Decimal, tax_inclusive: bool) -> Line:
    is_whole = fee.proration is WHOLE or fee.proration == WHOLE  # comparing Fractions costs more than the rest of the line
    return Line(
        kind=fee.kind,
        description=fee.description,
        period=fee.period,
        amount=fee.amount if is_whole else round_half_away(fee.amount * fee.proration),
        unrounded_amount=Decimal(fee.amount) if is_whole else approximate(fee.amount * fee.proration),
        tax_rate=tax_rate,
        tax_inclusive=tax_inclusive,
    )


def _usage_lines(inputs: InvoiceInputs) -> Iterator[Line]:
    """Give each meter's line, and right behind it the one that fills up its minimum. Two lines of a meter share its credits."""
    unit_balances = dict(inputs.unit_balances or {})
    for one in inputs.usages:
        balances = unit_balances.get(one.meter)
        if not balances:
            yield from _lines_without_credit(one, inputs.tax_rate, inputs.tax_inclusive)
            continue
        waterfall = _charged(one, balances)
        if waterfall.draws:
            unit_balances[one.meter] = after(balances, waterfall.draws)
        yield from _lines_of(one, waterfall, inputs.tax_rate, inputs.tax_inclusive)


@lru_cache(maxsize=_ALIKE)
def _lines_without_credit(one: UsageInput, tax_rate: Decimal, tax_inclusive: bool) -> tuple[Line, ...]:
    return tuple(_lines_of(one, _charged(one, ()), tax_rate, tax_inclusive))


def _charged(one: UsageInput, balances: tuple[Balance, ...]) -> Waterfall:
    return charge(usage=one.usage, terms=one.terms, balances=balances, proration=one.proration)


def _lines_of(one: UsageInput, waterfall: Waterfall, tax_rate: Decimal, tax_inclusive: bool) -> Iterator[Line]:
    yield Line(
        kind="usage",
        description=one.description,
        period=one.usage.cycle,
        amount=waterfall.charge.amount,
        unrounded_amount=waterfall.charge.unrounded_amount,
        tax_rate=tax_rate,
        tax_inclusive=tax_inclusive,
        meter=one.meter,
        terms=one.terms,
        waterfall=waterfall,
        event_count=one.usage.event_count,
    )
    if waterfall.charge.minimum_top_up:
        yield Line(
            kind="minimum",
            description=one.description,
            period=one.usage.cycle,
            amount=waterfall.charge.minimum_top_up,
            unrounded_amount=Decimal(waterfall.charge.minimum_top_up),
            tax_rate=tax_rate,
            tax_inclusive=tax_inclusive,
            meter=one.meter,
            terms=one.terms,
        )


def _adjustment_lines(inputs: InvoiceInputs) -> Iterable[Line]:
    """Give for each adjustment what its charge changed by, and what its minimum did; what changed by nothing makes no line."""
    for one in inputs.adjustments:
        change = one.adjustment.change
        if change.amount or one.adjustment.moves:
            yield _adjustment_line(one, change.amount, change.unrounded_amount)
        if change.minimum_amount:
            yield _adjustment_line(one, change.minimum_amount, Decimal(change.minimum_amount), is_minimum=True)


def _adjustment_line(one: AdjustmentInput, amount: int, unrounded: Decimal, *, is_minimum: bool = False) -> Line:
    return Line(
        kind="adjustment",
        description=one.description,
        period=one.period,
        amount=amount,
        unrounded_amount=unrounded,
        tax_rate=one.tax_rate,
        tax_inclusive=one.tax_inclusive,
        meter=one.meter,
        terms=one.terms,
        adjusts=one,
        is_minimum=is_minimum,
    )


def _coverable(lines: Sequence[Line], subtotal: int) -> int:
    """Give the minor units that usage credits may cover: what usage caused, and no more than the lines come to."""
    return max(0, min(subtotal, sum([line.amount for line in lines if line.kind in COVERED_BY_USAGE_CREDIT])))


def _draw(inputs: InvoiceInputs, applies_to: AppliesTo, amount: int) -> tuple[Credit, ...]:
    balances = [money.balance for money in inputs.money_balances if money.applies_to == applies_to]
    if not balances:
        return ()
    draws = burn(amount=Decimal(amount), balances=balances, usage_period=inputs.period)
    return tuple(Credit(draw.grant_period_id, draw.grant_id, applies_to, round_half_away(draw.amount)) for draw in draws)


@exact()
def taxes_of(lines: Sequence[Line], credited: int) -> tuple[TaxLine, ...]:
    """Tax what is left of the lines after usage credits, once per rate, ascending.

    credited: minor units of usage credits. Where lines carry several rates, they come off them in proportion to what they may
    cover of each.
    """
    keys: list[tuple[Decimal, bool]] = []
    for line in lines:
        if (key := (line.tax_rate, line.tax_inclusive)) not in keys:
            keys.append(key)
    if len(keys) == 1:
        return (_tax_line(keys[0], sum([line.amount for line in lines]) - credited),) if keys[0][0] else ()
    keys.sort()
    covered = [
        max(0, sum(line.amount for line in lines if _key(line) == key and line.kind in COVERED_BY_USAGE_CREDIT)) for key in keys
    ]
    shares = largest_remainders(credited, [Decimal(amount) for amount in covered])
    return tuple(
        _tax_line(key, sum(line.amount for line in lines if _key(line) == key) - share)
        for key, share in zip(keys, shares, strict=True)
        if key[0]
    )


def _key(line: Line) -> tuple[Decimal, bool]:
    return line.tax_rate, line.tax_inclusive


def _tax_line(key: tuple[Decimal, bool], amount: int) -> TaxLine:
    rate, inclusive = key
    if not inclusive:
        return TaxLine(rate, inclusive, amount, round_half_away(amount * rate))
    tax = round_half_away(amount * _part_of_gross(rate))
    return TaxLine(rate, inclusive, amount - tax, tax)


@lru_cache(maxsize=256)
def _part_of_gross(rate: Decimal) -> Fraction:
    """Give the part of an amount with tax in it that is the tax."""
    return ratio(rate, 1 + Fraction(rate))
