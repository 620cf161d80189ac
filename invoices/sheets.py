"""Lay an invoice out for reading: lines with the steps behind each amount, credits, taxes, totals. One layout for issued and draft.

An issued invoice is read from its stored rows, a draft or preview from what invoices.preview assembled; no figure is computed here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import formatting
from core.language import locale
from credits.burndown import totals
from credits.models import GrantPeriod
from invoices import assemble, trial
from invoices.charge import Waterfall
from invoices.models import Invoice, InvoiceLine, LineKind
from invoices.preview import Preview
from invoices.trial import TrialUsage
from meters.models import Meter


@dataclass(frozen=True)
class Step:
    """One step from a quantity to an amount, written as people read it."""

    label: str
    shown: str
    is_result: bool = False


@dataclass(frozen=True)
class SheetLine:
    """One line. quantity: in the meter's unit, None for lines that count nothing; unit_price, amount: minor units.

    adjusts: the number of the invoice that an adjustment corrects.
    """

    kind: str
    description: str
    start: datetime
    end: datetime
    meter: Meter | None
    quantity: Decimal | None
    unit_price: Decimal | None
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


@dataclass(frozen=True)
class _Part:
    quantity: Decimal
    unit_price: Decimal
    flat_amount: int
    packages: int | None
    amount: Decimal


@dataclass(frozen=True)
class _Fall:
    """The figures of a charge, whether stored or just computed. draws: (grant's name, units)."""

    quantity: Decimal | None
    free: Decimal
    draws: Sequence[tuple[str, Decimal]]
    chargeable: Decimal
    parts: Sequence[_Part]
    unrounded: Decimal
    rounded: int
    difference: Decimal
    maximum: int | None
    amount: int
    paused_event_count: int


def of_issued(invoice: Invoice) -> Sheet:
    """Read an issued invoice from its rows. Four queries, and one more for what its trial used."""
    rows = list(invoice.lines.select_related("meter", "adjusts__invoice").order_by("position"))
    names = _names(draw["grant_period_id"] for row in rows for draw in row.waterfall.get("draws", ()))
    credits = invoice.credits.filter(line=None).select_related("period__grant").order_by("id")
    return Sheet(
        currency=invoice.currency,
        lines=[_stored_line(row, invoice.currency, names) for row in rows],
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
    """Lay a draft or a running cycle out. Three queries at most, and one more for what its trial used."""
    made = shown.made
    drawn = [draw.grant_period_id for line in made.lines if line.waterfall for draw in line.waterfall.draws]
    of_grant = {held.grant.id: str(held.grant) for held in shown.holdings}
    names = {held.balance.grant_period_id: str(held.grant) for held in shown.holdings} | _names(drawn)
    meters = Meter.objects.in_bulk([line.meter for line in made.lines if line.meter is not None])
    corrected = InvoiceLine.objects.select_related("invoice").in_bulk({line.adjusts.line for line in made.lines if line.adjusts})
    return Sheet(
        currency=made.currency,
        lines=[_live_line(line, made.currency, names, meters, corrected) for line in made.lines],
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


def _stored_line(row: InvoiceLine, currency: str, names: Mapping[int, str]) -> SheetLine:
    is_usage = row.kind == LineKind.USAGE
    fall = _stored_fall(row, names) if is_usage else None
    adjusted = row.waterfall if row.kind == LineKind.ADJUSTMENT else None
    return SheetLine(
        kind=row.kind,
        description=row.description,
        start=row.period_start,
        end=row.period_end,
        meter=row.meter,
        quantity=row.quantity,
        unit_price=row.unit_price,
        amount=row.amount,
        steps=list(_steps(fall, currency) if fall else _stored_adjustment(adjusted, row.amount, currency) if adjusted else ()),
        line_id=row.public_id if row.definition is not None else "",
        of_minimum=adjusted is not None and adjusted["part"] == "minimum",
    )


def _live_line(
    line: assemble.Line,
    currency: str,
    names: Mapping[int, str],
    meters: Mapping[int, Meter],
    corrected: Mapping[int, InvoiceLine],
) -> SheetLine:
    fall, figures = line.waterfall, line.figures
    return SheetLine(
        kind=line.kind,
        description=line.description,
        start=line.period.start,
        end=line.period.end,
        meter=meters.get(line.meter) if line.meter is not None else None,
        quantity=figures.quantity if figures else None,
        unit_price=line.terms.unit_price if line.terms and figures else None,
        amount=line.amount,
        steps=list(_steps(_live_fall(fall, line.amount, names), currency) if fall else _live_adjustment(line, currency)),
        event_count=line.event_count,
        adjusts=str(corrected[line.adjusts.line].invoice) if line.adjusts else "",
        of_minimum=line.is_minimum,
    )


def _stored_fall(row: InvoiceLine, names: Mapping[int, str]) -> _Fall:
    stored: dict[str, Any] = row.waterfall
    draws: dict[int, Decimal] = {}
    for draw in stored["draws"]:
        period = draw["grant_period_id"]
        draws[period] = draws.get(period, Decimal(0)) + Decimal(draw["quantity"])
    return _Fall(
        quantity=row.quantity,
        free=row.free_quantity,
        draws=[(names.get(period, ""), units) for period, units in draws.items()],
        chargeable=row.chargeable_quantity,
        parts=[
            _Part(Decimal(p["quantity"]), Decimal(p["unit_price"]), p["flat_amount"], p["packages"], Decimal(p["amount"]))
            for p in stored["parts"]
        ],
        unrounded=row.unrounded_amount,
        rounded=stored["rounded_amount"],
        difference=Decimal(stored["rounding_difference"]),
        maximum=stored["maximum_amount"],
        amount=row.amount,
        paused_event_count=stored.get("paused_event_count", 0),
    )


def _live_fall(fall: Waterfall, amount: int, names: Mapping[int, str]) -> _Fall:
    charge = fall.charge
    return _Fall(
        quantity=fall.quantity,
        free=fall.free_quantity,
        draws=[(names.get(period, ""), units) for period, units in totals(fall.draws).items()],
        chargeable=fall.chargeable_quantity,
        parts=[_Part(p.quantity, p.unit_price, p.flat_amount, p.packages, p.amount) for p in charge.parts],
        unrounded=charge.unrounded_amount,
        rounded=charge.rounded_amount,
        difference=charge.rounding_difference,
        maximum=charge.maximum_amount,
        amount=amount,
        paused_event_count=fall.paused_event_count,
    )


def _stored_adjustment(stored: Mapping[str, Any], amount: int, currency: str) -> Iterator[Step]:
    """Show what an issued adjustment came from: the charge as it should be, and what was billed for it before."""
    expected = stored["expected"]
    if stored["part"] == "minimum":
        return _adjustment(None, expected["amount"], amount, currency)
    units = [expected[name] for name in ("quantity", "free_quantity", "credited_quantity", "chargeable_quantity")]
    return _adjustment([None if one is None else Decimal(one) for one in units], expected["amount"], amount, currency)


def _live_adjustment(line: assemble.Line, currency: str) -> Iterator[Step]:
    """Show what an adjustment of a draft comes from; nothing for another line."""
    if line.adjusts is None:
        return iter(())
    expected = line.adjusts.adjustment.expected
    if line.is_minimum:
        return _adjustment(None, expected.minimum_amount, line.amount, currency)
    units = [expected.quantity, expected.free_quantity, expected.credited_quantity, expected.chargeable_quantity]
    return _adjustment(units, expected.amount, line.amount, currency)


def _adjustment(units: Sequence[Decimal | None] | None, expected: int, amount: int, currency: str) -> Iterator[Step]:
    """units: quantity, free, credited and chargeable of the charge as it should be; none for a minimum."""
    if units is not None:
        quantity, free, credited, chargeable = units
        yield Step(_("Quantity by now"), _quantity(quantity))
        if free:
            yield Step(_("Free units"), _quantity(-free))
        if credited:
            yield Step(_("From credit"), _quantity(-credited))
        yield Step(_("Chargeable"), _quantity(chargeable), is_result=True)
    yield Step(_("The right amount by now"), _amount(expected, currency))
    yield Step(_("Billed before"), _amount(amount - expected, currency))
    yield Step(_("Adjustment"), _amount(amount, currency), is_result=True)


def _steps(fall: _Fall, currency: str) -> Iterator[Step]:
    """Show the figures in the order of Note [The steps of a charge] in invoices.charge."""
    yield Step(_("Quantity"), _quantity(fall.quantity))
    if fall.paused_event_count:
        events = ngettext("%(count)s event", "%(count)s events", fall.paused_event_count)
        yield Step(_("Of it sent while paused, charged too"), events % {"count": _quantity(Decimal(fall.paused_event_count))})
    if fall.free:
        yield Step(_("Free units"), _quantity(-fall.free))
    for name, units in fall.draws:
        yield Step(_("From credit: %(name)s") % {"name": name}, _quantity(-units))
    yield Step(_("Chargeable"), _quantity(fall.chargeable), is_result=True)
    for part in fall.parts:
        yield Step(_part(part, currency), _exact(part.amount, currency))
    if len(fall.parts) > 1:
        yield Step(_("Exact amount"), _exact(fall.unrounded, currency))
    if fall.difference:
        yield Step(_("Rounding"), _exact(fall.difference, currency))
    if fall.maximum is not None and fall.maximum < fall.rounded:
        yield Step(_("Capped at the maximum"), _amount(fall.maximum - fall.rounded, currency))
    yield Step(_("Amount"), _amount(fall.amount, currency), is_result=True)


def _part(part: _Part, currency: str) -> str:
    count = part.quantity if part.packages is None else Decimal(part.packages)
    words = _("%(count)s × %(price)s") if part.packages is None else _("%(count)s packages × %(price)s")
    text = words % {"count": _quantity(count), "price": _exact(part.unit_price, currency)}
    return f"{text} + {_amount(part.flat_amount, currency)}" if part.flat_amount else text


def _quantity(number: Decimal | None) -> str:
    return formatting.quantity(number, locale=locale())


def _exact(minor: Decimal, currency: str) -> str:
    return formatting.exact_amount(minor, currency, locale=locale())


def _amount(minor: int, currency: str) -> str:
    return formatting.amount(minor, currency, locale=locale())
