"""Lay an invoice out for reading: lines with the steps behind each amount, credits, taxes, totals. One layout for issued and draft.

An issued invoice is read from its stored rows, a draft or preview from what invoices.preview assembled; no figure is computed here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import formatting
from core.language import locale
from core.money import WHOLE
from credits.models import GrantPeriod
from invoices import assemble, falls, shown_prices, trial
from invoices.falls import Fall, Part
from invoices.models import Invoice, InvoiceKind, InvoiceLine, LineKind
from invoices.preview import Preview
from invoices.shown_prices import ShownPrices
from invoices.trial import TrialUsage
from meters.models import Meter
from products.pricing import PriceTerms


@dataclass(frozen=True)
class Step:
    """One step from a quantity to an amount, written as people read it."""

    label: str
    shown: str
    is_result: bool = False


@dataclass(frozen=True)
class SheetLine:
    """One line. quantity: in the meter's unit, None for lines that count nothing; amount: minor units; price: as it is read.

    adjusts: the number of the invoice that an adjustment corrects.
    """

    kind: str
    description: str
    start: datetime
    end: datetime
    meter: Meter | None
    quantity: Decimal | None
    price: str
    amount: int
    steps: Sequence[Step]
    line_id: str = ""
    event_count: int | None = None
    adjusts: str = ""
    of_minimum: bool = False

    @property
    def kind_label(self) -> str:
        return _("Adjustment of the minimum") if self.of_minimum else str(LineKind(self.kind).label)


@dataclass(frozen=True)
class SheetCredit:
    """Money taken off: usage credit before tax, or invoice credit after it."""

    name: str
    applies_to: str
    amount: int


@dataclass(frozen=True)
class SheetTax:
    """Tax of one rate, a fraction. is_inclusive: it lies in the lines already."""

    rate: Decimal
    is_inclusive: bool
    amount: int


@dataclass(frozen=True)
class Sheet:
    """The whole document; amounts in minor units of its currency.  trial: what was used before the first cycle and is not charged."""

    currency: str
    lines: Sequence[SheetLine]
    credits: Sequence[SheetCredit]
    taxes: Sequence[SheetTax]
    subtotal: int
    carried_forward: int
    total: int
    paid: int
    due: int
    trial: Sequence[TrialUsage] = ()


def of_issued(invoice: Invoice) -> Sheet:
    """Read an issued invoice from its rows. Five queries, and one more for what its trial used."""
    rows = list(invoice.lines.select_related("invoice", "meter", "adjusts__invoice").order_by("position"))
    names = _names(period_id for row in rows if (fall := falls.of_stored(row)) for period_id in fall.draws)
    credits = invoice.credits.filter(line=None).select_related("period__grant").order_by("id")
    prices = shown_prices.of_subscription(invoice.subscription_id, currency=invoice.currency)
    return Sheet(
        currency=invoice.currency,
        lines=[_stored_line(row, prices, names) for row in rows],
        credits=[SheetCredit(str(one.period.grant), one.applies_to, int(one.amount)) for one in credits],
        taxes=[SheetTax(one.rate, one.is_inclusive, one.amount) for one in invoice.taxes.order_by("rate", "id")],
        subtotal=invoice.subtotal,
        carried_forward=invoice.carried_forward_amount,
        total=invoice.total,
        paid=invoice.amount_paid,
        due=invoice.total - invoice.invoice_credit_amount - invoice.amount_paid,
        trial=trial.of_issued(invoice, (row.meter for row in rows if row.kind == LineKind.USAGE and row.meter)),
    )


def of_preview(shown: Preview) -> Sheet:
    """Lay a draft or a running cycle out. Four queries at most, and one more for what its trial used."""
    made = shown.made
    drawn = [period_id for line in made.lines if (fall := falls.of_computed(line)) for period_id in fall.draws]
    of_grant = {held.grant.id: str(held.grant) for held in shown.holdings}
    names = {held.balance.grant_period_id: str(held.grant) for held in shown.holdings} | _names(drawn)
    meters = Meter.objects.in_bulk([line.meter for line in made.lines if line.meter is not None])
    corrected = InvoiceLine.objects.select_related("invoice").in_bulk({line.adjusts.line for line in made.lines if line.adjusts})
    prices = shown_prices.of_subscription(shown.point.key.subscription_id, currency=made.currency)
    return Sheet(
        currency=made.currency,
        lines=[_live_line(line, prices, names, meters, corrected) for line in made.lines],
        credits=[SheetCredit(of_grant.get(one.grant_id, ""), one.applies_to, one.amount) for one in made.credits],
        taxes=[SheetTax(one.rate, one.is_inclusive, one.amount) for one in made.taxes],
        subtotal=made.subtotal,
        carried_forward=made.carried_forward,
        total=made.total,
        paid=0,
        due=made.amount_due,
        trial=trial.of_preview(shown, (meters[line.meter] for line in made.lines if line.kind == "usage" and line.meter)),
    )


def _names(period_ids: Iterable[int]) -> dict[int, str]:
    wanted = set(period_ids)
    if not wanted:
        return {}
    return {one.pk: str(one.grant) for one in GrantPeriod.objects.filter(pk__in=wanted).select_related("grant")}


def _stored_line(row: InvoiceLine, prices: ShownPrices, names: Mapping[int, str]) -> SheetLine:
    currency = prices.currency
    fall = falls.of_stored(row)
    adjusted = row.waterfall if row.kind == LineKind.ADJUSTMENT else None
    if adjusted and row.invoice.kind != InvoiceKind.CREDIT_NOTE:
        steps = _adjustment(fall, adjusted["expected"]["amount"], row.amount, names, currency)
    else:
        steps = _steps(fall, names, currency) if fall else iter(())
    terms = PriceTerms.from_json(row.terms) if row.terms and row.event_count is not None else None
    return SheetLine(
        kind=row.kind,
        description=row.description,
        start=row.period_start,
        end=row.period_end,
        meter=row.meter,
        quantity=row.quantity,
        price=prices.words(terms, meter_id=row.meter_id, start=row.period_start),
        amount=row.amount,
        steps=list(steps),
        line_id=row.public_id if row.definition is not None else "",
        of_minimum=adjusted is not None and adjusted["part"] == "minimum",
    )


def _live_line(
    line: assemble.Line,
    prices: ShownPrices,
    names: Mapping[int, str],
    meters: Mapping[int, Meter],
    corrected: Mapping[int, InvoiceLine],
) -> SheetLine:
    fall, figures, currency = falls.of_computed(line), line.figures, prices.currency
    if line.adjusts is not None:
        expected = line.adjusts.adjustment.expected
        amount = expected.minimum_amount if line.is_minimum else expected.amount
        steps = _adjustment(fall, amount, line.amount, names, currency)
    else:
        steps = _steps(fall, names, currency) if fall else iter(())
    return SheetLine(
        kind=line.kind,
        description=line.description,
        start=line.period.start,
        end=line.period.end,
        meter=meters.get(line.meter) if line.meter is not None else None,
        quantity=figures.quantity if figures else None,
        price=prices.words(line.terms if figures else None, meter_id=line.meter, start=line.period.start),
        amount=line.amount,
        steps=list(steps),
        event_count=line.event_count,
        adjusts=str(corrected[line.adjusts.line].invoice) if line.adjusts else "",
        of_minimum=line.is_minimum,
    )


def _steps(fall: Fall, names: Mapping[int, str], currency: str) -> Iterator[Step]:
    """Show a usage line's figures."""
    yield from _charge(fall, names, currency, quantity=_("Quantity"))
    yield Step(_("Amount"), _amount(fall.amount, currency), is_result=True)
    if fall.minimum is not None and fall.minimum > fall.amount:
        label = _("Missing to the minimum of %(amount)s, a line of its own")
        if fall.proration < WHOLE:
            label = _("Missing to the minimum of %(amount)s for this part of a cycle, a line of its own")
        yield Step(label % {"amount": _amount(fall.minimum, currency)}, _amount(fall.minimum - fall.amount, currency))


def _adjustment(fall: Fall | None, expected: int, amount: int, names: Mapping[int, str], currency: str) -> Iterator[Step]:
    """Show what an adjustment came from: the charge as it should be (none for a minimum), and what was billed for it before."""
    if fall is not None:
        yield from _charge(fall, names, currency, quantity=_("Quantity by now"))
    yield Step(_("The right amount by now"), _amount(expected, currency))
    yield Step(_("Billed before"), _amount(amount - expected, currency))
    yield Step(_("Adjustment"), _amount(amount, currency), is_result=True)


def _charge(fall: Fall, names: Mapping[int, str], currency: str, *, quantity: str) -> Iterator[Step]:
    """Show the figures in the order of Note [The steps of a charge] in invoices.charge."""
    yield Step(quantity, _quantity(fall.quantity))
    if fall.paused_event_count:
        events = ngettext("%(count)s event", "%(count)s events", fall.paused_event_count)
        yield Step(_("Of it sent while paused, charged too"), events % {"count": _quantity(Decimal(fall.paused_event_count))})
    if fall.earlier is not None:
        yield Step(_("Earlier in the cycle; charged is what these terms add to it"), _quantity(fall.earlier))
    if fall.free:
        yield Step(_("Free units"), _quantity(-fall.free))
    for period_id, units in fall.draws.items():
        yield Step(_("From credit: %(name)s") % {"name": names.get(period_id, "")}, _quantity(-units))
    yield Step(_("Chargeable"), _quantity(fall.chargeable), is_result=True)
    for part in fall.parts:
        yield Step(_part(part, currency), _exact(part.amount, currency))
    if len(fall.parts) > 1:
        yield Step(_("Exact amount"), _exact(fall.unrounded, currency))
    if fall.difference:
        yield Step(_("Rounding"), _exact(fall.difference, currency))
    if fall.maximum is not None and fall.maximum < fall.rounded:
        yield Step(_maximum(fall), _amount(fall.maximum - fall.rounded, currency))


def _maximum(fall: Fall) -> str:
    if fall.earlier is not None:
        return _("Capped at the maximum of the whole cycle")
    return _("Capped at the maximum for this part of a cycle") if fall.proration < WHOLE else _("Capped at the maximum")


def _part(part: Part, currency: str) -> str:
    price = _exact(part.unit_price, currency)
    if part.packages is None:
        text = _("%(count)s × %(price)s") % {"count": _quantity(part.quantity), "price": price}
    else:
        words = ngettext("%(count)s package × %(price)s", "%(count)s packages × %(price)s", part.packages)
        text = words % {"count": _quantity(Decimal(part.packages)), "price": price}
    return f"{text} + {_amount(part.flat_amount, currency)}" if part.flat_amount else text


def _quantity(number: Decimal | None) -> str:
    return formatting.quantity(number, locale=locale())


def _exact(minor: Decimal, currency: str) -> str:
    return formatting.exact_amount(minor, currency, locale=locale())


def _amount(minor: int, currency: str) -> str:
    return formatting.amount(minor, currency, locale=locale())
