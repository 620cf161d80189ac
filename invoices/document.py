"""Write out what stands on an invoice's paper, every figure as the text that is printed; computes none.

An issued invoice is read from its rows and copies, a draft from what it would be now. The paper is in the deployment's language, so
that it does not change with who opens it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from core import formatting
from core.deployment import billing_zone
from core.language import locale
from core.money import ratio, round_half_away
from core.periods import Period, local_date
from invoices import preview, sheets, subscribers
from invoices.models import Invoice, InvoiceKind, InvoiceStatus, Seller
from invoices.sheets import Sheet, SheetLine
from invoices.trial import TrialUsage
from invoices.usage_chart import Bars, Charted, bars
from meters.meter_sql import Snapshot
from products.zones import date_at, name_at

FULL_BAR = 1000
ROWS = Invoice.objects.select_related("customer", "corrects", "snapshot", "subscription")


def of_invoice(invoice: Invoice, *, now: datetime) -> dict[str, Any]:
    """Give the document of an invoice as JSON can hold it; `invoice` as ROWS reads it. Raises preview.DraftNotComputable."""
    is_draft = invoice.status == InvoiceStatus.DRAFT
    with translation.override(settings.LANGUAGE_CODE):
        sheet = sheets.of_preview(preview.of_draft(invoice, now=now)) if is_draft else sheets.of_issued(invoice)
        seller = (vars(Seller.objects.get()) if is_draft else invoice.seller_copy) or {}
        customer = (_billed_now(invoice) if is_draft else invoice.customer_copy) or {}
        return {
            **_head(invoice),
            "seller": _party(seller),
            "customer": _party(customer),
            "lines": [_line(line, sheet.currency) for line in sheet.lines],
            "trial": [_used_in_trial(one) for one in sheet.trial],
            "totals": list(_totals(sheet)),
            "due": _amount(sheet.due, sheet.currency),
            "charts": [_chart(one) for one in _bars(invoice, sheet)],
            "memo": invoice.memo,
            "footer": seller["invoice_footer"],
        }


def _billed_now(draft: Invoice) -> Mapping[str, Any]:
    """Say whom a draft would be billed to if it were issued now."""
    return subscribers.read([draft.subscription_id])[draft.subscription_id].billed_to()


def _party(named: Mapping[str, Any]) -> dict[str, Any]:
    """Name who bills or is billed."""
    town = " ".join(part for part in (named["zipcode"], named["city"]) if part)
    tax_id = _("Tax ID: %(number)s") % {"number": named["tax_id"]} if named["tax_id"] else ""
    lines = (
        named["street"],
        ", ".join(part for part in (town, named["state"]) if part),
        formatting.country(named["country"], locale=locale()),
        named["email"],
        tax_id,
    )
    return {"name": named["name"], "address": [line for line in lines if line]}


def _head(invoice: Invoice) -> dict[str, Any]:
    name = invoice.number or invoice.public_id
    is_note = invoice.kind == InvoiceKind.CREDIT_NOTE
    heading = _("Credit note") if is_note else _("Invoice")
    stamps = {InvoiceStatus.DRAFT: _("DRAFT"), InvoiceStatus.VOID: _("VOID")}
    due_on = _("due %(day)s") % {"day": _due(invoice)} if invoice.due_at and not is_note else ""
    return {
        "language": settings.LANGUAGE_CODE.split("-")[0],
        "title": f"{heading} {name}",
        "heading": heading,
        "name": name,
        "stamp": stamps.get(InvoiceStatus(invoice.status), ""),
        "due_note": due_on,
        "facts": [[label, shown] for label, shown in _facts(invoice) if shown],
        "words": {
            "seller": _("From"),
            "customer": _("Billed to"),
            "due": _("Amount due"),
            "page": _("Page"),
            "columns": [_("Description"), _("Quantity"), _("Unit price"), _("Amount")],
            "trial": _("Used in the trial, not charged"),
            "usage": _("Usage in the period"),
        },
    }


def _facts(invoice: Invoice) -> Iterator[tuple[str, str]]:
    yield _("Issued"), _day(invoice.issued_at) if invoice.issued_at else _("not yet")
    if invoice.kind != InvoiceKind.CREDIT_NOTE:
        yield _("Due"), _due(invoice)
    yield _("Period"), _span(invoice.period_start, invoice.period_end)
    yield _("Corrects"), str(invoice.corrects) if invoice.corrects else ""
    yield _("Purchase order"), invoice.purchase_order
    yield _("Currency"), invoice.currency


def _line(line: SheetLine, currency: str) -> dict[str, Any]:
    adjusts = _("adjusts %(number)s") % {"number": line.adjusts} if line.adjusts else ""
    unit = line.meter.measurement_unit if line.meter and line.quantity is not None else ""
    notes = (line.kind_label, _span(line.start, line.end), adjusts)
    return {
        "description": line.description,
        "note": " · ".join(note for note in notes if note),
        "quantity": "" if line.quantity is None else f"{formatting.quantity(line.quantity, locale=locale())} {unit}".strip(),
        "unit_price": line.price,
        "amount": _amount(line.amount, currency),
        "steps": [{"label": step.label, "shown": step.shown, "is_result": step.is_result} for step in line.steps],
    }


def _used_in_trial(one: TrialUsage) -> dict[str, str]:
    units = f"{formatting.quantity(one.quantity, locale=locale())} {one.meter.measurement_unit}"
    return {"name": one.meter.name, "note": _span(one.period.start, one.period.end), "quantity": units}


def _totals(sheet: Sheet) -> Iterator[dict[str, Any]]:
    """Give the sums in the order in which they are made: see invoices.assemble."""

    def total(label: str, amount: int, *, is_result: bool = False) -> dict[str, Any]:
        return {"label": label, "shown": _amount(amount, sheet.currency), "is_result": is_result}

    yield total(_("Subtotal"), sheet.subtotal)
    for credit in sheet.credits:
        if credit.applies_to == "usage":
            yield total(_("Credit: %(name)s") % {"name": credit.name}, -credit.amount)
    for tax in sheet.taxes:
        words = _("Tax of %(rate)s, included") if tax.is_inclusive else _("Tax of %(rate)s")
        yield total(words % {"rate": formatting.percent(tax.rate, locale=locale())}, tax.amount)
    if sheet.carried_forward:
        yield total(_("Carried forward as credit"), sheet.carried_forward)
    yield total(_("Total"), sheet.total, is_result=True)
    for credit in sheet.credits:
        if credit.applies_to == "invoice":
            yield total(_("From balance: %(name)s") % {"name": credit.name}, -credit.amount)
    if sheet.paid:
        yield total(_("Paid"), -sheet.paid)
    yield total(_("Amount due"), sheet.due, is_result=True)


def _bars(invoice: Invoice, sheet: Sheet) -> list[Bars]:
    counted = [
        Charted(line.meter, Period(line.start, line.end), line.quantity, line.event_count or 0)
        for line in sheet.lines
        if line.kind == "usage" and line.meter
    ]
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return []
    at = Snapshot(invoice.snapshot.log_epoch, invoice.snapshot.snapshot) if invoice.snapshot else None
    return bars(counted, customer_id=invoice.customer_id, at=at)


def _chart(one: Bars) -> dict[str, Any]:
    peak = max((quantity for quantity in one.quantities if quantity is not None), default=0)
    top = formatting.quantity(peak, locale=locale())
    return {
        "name": one.of.meter.name,
        "peak": _("most: %(quantity)s %(unit)s") % {"quantity": top, "unit": one.of.meter.measurement_unit},
        "first": formatting.day(one.days[0], locale=locale()),
        "latest": formatting.day(_latest(one.of.period.end, name_at(one.of.period.start, billing_zone())), locale=locale()),
        "bars": [
            round_half_away(ratio(max(quantity or 0, 0) * FULL_BAR, peak)) if peak > 0 else 0 for quantity in one.quantities
        ],
    }


def _span(start: datetime, end: datetime) -> str:
    """Write a half-open period by its first and last day, both in the billing zone in which it began."""
    zone = name_at(start, billing_zone())
    first = local_date(start, zone)
    return formatting.day_range(first, max(first, _latest(end, zone)), locale=locale())


def _latest(end: datetime, zone: str) -> date:
    return local_date(end - timedelta(microseconds=1), zone)


def _day(moment: datetime, *, set_at: datetime | None = None) -> str:
    return formatting.day(date_at(moment, billing_zone(), set_at=set_at), locale=locale())


def _due(invoice: Invoice) -> str:
    return _day(invoice.due_at, set_at=invoice.issued_at) if invoice.due_at else ""


def _amount(minor: int, currency: str) -> str:
    return formatting.amount(minor, currency, locale=locale())
