"""Lay an invoice out for reading: lines with the steps behind each amount, credits, taxes, totals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from dashboard import formatting, wording
from invoices.models import Invoice, InvoiceLine


@dataclass(frozen=True)
class Step:
    """One step from a quantity to an amount, written as people read it."""

    label: str
    shown: str
    is_result: bool = False


@dataclass(frozen=True)
class SheetLine:
    """One line of a document with the steps behind its amount."""

    line: InvoiceLine
    unit: str
    steps: Sequence[Step]


def lines_of(invoice: Invoice) -> list[SheetLine]:
    """Read an issued invoice's lines in order, each with its steps. One query."""
    rows = invoice.lines.select_related("meter").order_by("position")
    return [SheetLine(row, row.meter.measurement_unit if row.meter else "", list(_steps(row, invoice.currency))) for row in rows]


def _steps(line: InvoiceLine, currency: str) -> Iterator[Step]:
    """Follow the order of Note [The steps of a charge] in invoices.charge."""
    if line.meter is None or line.kind != "usage":
        return
    yield Step(_("Quantity"), _quantity(line.quantity))
    if line.free_quantity:
        yield Step(_("Free"), _quantity(-line.free_quantity))
    if line.credited_quantity:
        yield Step(_("From credit"), _quantity(-line.credited_quantity))
    yield Step(_("Chargeable"), _quantity(line.chargeable_quantity), is_result=True)
    if line.unit_price is not None:
        yield Step(_("Price of one"), formatting.exact_amount(line.unit_price, currency, locale=wording.locale()))
    yield Step(_("Exact amount"), formatting.exact_amount(line.unrounded_amount, currency, locale=wording.locale()))
    yield Step(_("Amount"), formatting.amount(line.amount, currency, locale=wording.locale()), is_result=True)


def _quantity(number: Decimal | None) -> str:
    return formatting.quantity(number, locale=wording.locale())
