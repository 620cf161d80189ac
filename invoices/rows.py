"""Turn an assembled invoice into the rows that are stored: each line with all that its figure was computed from."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from access.actors import Actor
from core.money import plain
from core.periods import Period
from credits.burndown import totals
from credits.models import AppliesTo, CreditEntry, EntryKind
from customers.models import Customer
from events.models import LogSnapshot
from invoices.assemble import InvoiceDraft, Line
from invoices.charge import Waterfall
from invoices.inputs import Point
from invoices.models import Invoice, InvoiceCredit, InvoiceEvent, InvoiceLine, InvoiceStatus, InvoiceTax, Seller
from invoices.numbers import Number
from products.models import Subscription


@dataclass
class Rows:
    """The rows of one chunk, table by table, in the order in which they may be written."""

    invoices: list[dict[str, Any]] = field(default_factory=list)
    lines: list[InvoiceLine] = field(default_factory=list)
    taxes: list[InvoiceTax] = field(default_factory=list)
    credits: list[InvoiceCredit] = field(default_factory=list)
    entries: list[CreditEntry] = field(default_factory=list)
    events: list[InvoiceEvent] = field(default_factory=list)


@dataclass(frozen=True)
class Issue:
    """What all invoices of one chunk share."""

    issued_at: datetime
    seller: Seller
    snapshot: LogSnapshot
    actor: Actor
    now: datetime


def add(rows: Rows, *, invoice: Invoice, number: Number, point: Point, made: InvoiceDraft, issue: Issue) -> None:
    """Add one invoice with its lines, taxes, credits, ledger entries and changes of state."""
    status = InvoiceStatus.ISSUED if made.amount_due else InvoiceStatus.PAID
    rows.invoices.append(_invoice(invoice, number, point, made, issue, status))
    for position, line in enumerate(made.lines):
        if line.adjusts is not None:  # invoices.adjusted_rows writes those
            continue
        stored = _line(invoice, position, line, point, issue)
        rows.lines.append(stored)
        _add_unit_draws(rows, invoice, stored, line, issue)
    _add_money_draws(rows, invoice, made, issue)
    rows.taxes += [
        InvoiceTax(invoice=invoice, rate=tax.rate, is_inclusive=tax.is_inclusive, taxable_amount=tax.base, amount=tax.amount)
        for tax in made.taxes
    ]
    rows.events.append(_event(invoice, InvoiceStatus.DRAFT, InvoiceStatus.ISSUED, issue))
    if status == InvoiceStatus.PAID:
        rows.events.append(_event(invoice, InvoiceStatus.ISSUED, InvoiceStatus.PAID, issue))


def _invoice(
    invoice: Invoice, number: Number, point: Point, made: InvoiceDraft, issue: Issue, status: InvoiceStatus
) -> dict[str, Any]:
    customer = point.plan.subscription.customer
    terms_days = issue.seller.payment_terms_days if customer.payment_terms_days is None else customer.payment_terms_days
    return {
        "id": invoice.id,
        "status": status,
        "series_id": number.series_id,
        "series_number": number.series_number,
        "number": number.text,
        "issued_at": issue.issued_at,
        "due_at": issue.issued_at + timedelta(days=terms_days),
        "paid_at": issue.issued_at if status == InvoiceStatus.PAID else None,
        "seller_copy": _seller(issue.seller),
        "customer_copy": _customer(customer, point.plan.subscription),
        "snapshot_id": issue.snapshot.id,
        "kind": point.plan.kind,
        "period_start": point.plan.period.start,
        "period_end": point.plan.period.end,
        "subtotal": made.subtotal,
        "usage_credit_amount": _sum_of(made, AppliesTo.USAGE),
        "tax_amount": sum(tax.amount for tax in made.taxes if not tax.is_inclusive),
        "included_tax_amount": sum(tax.amount for tax in made.taxes if tax.is_inclusive),
        "carried_forward_amount": made.carried_forward,
        "total": made.total,
        "invoice_credit_amount": _sum_of(made, AppliesTo.INVOICE),
    }


def _sum_of(made: InvoiceDraft, applies_to: AppliesTo) -> int:
    return sum(credit.amount for credit in made.credits if credit.applies_to == applies_to)


def _line(invoice: Invoice, position: int, line: Line, point: Point, issue: Issue) -> InvoiceLine:
    fall = line.waterfall
    return InvoiceLine(
        invoice=invoice,
        position=position,
        kind=line.kind,
        description=line.description,
        meter_id=line.meter,
        period_start=line.period.start,
        period_end=line.period.end,
        quantity=fall.quantity if fall else None,
        event_count=line.event_count,
        free_quantity=fall.free_quantity if fall else Decimal(0),
        credited_quantity=fall.credited_quantity if fall else Decimal(0),
        chargeable_quantity=fall.chargeable_quantity if fall else Decimal(0),
        unit_price=line.terms.unit_price if line.terms and fall else None,
        unrounded_amount=line.unrounded_amount,
        amount=line.amount,
        tax_rate=line.tax_rate,
        tax_inclusive=line.tax_inclusive,
        definition=point.definitions[line.meter].to_json() if line.meter is not None and fall else None,
        terms=line.terms.to_json() if line.terms else None,
        waterfall=waterfall_json(fall) if fall else {},
        snapshot=issue.snapshot if fall else None,
    )


def waterfall_json(fall: Waterfall) -> dict[str, Any]:
    """Write the steps between quantity and amount; Decimals as plain strings, amounts as integers, times as ISO 8601."""
    charge = fall.charge
    return {
        "phases": None if fall.phases is None else [{**_span(p.period), "quantity": plain(p.quantity)} for p in fall.phases],
        "draws": [
            {**_span(draw.usage_period), "grant_period_id": draw.grant_period_id, "quantity": plain(draw.amount)}
            for draw in fall.draws
        ],
        "parts": [
            {
                "quantity": plain(part.quantity),
                "unit_price": plain(part.unit_price),
                "flat_amount": part.flat_amount,
                "packages": part.packages,
                "amount": plain(part.amount),
            }
            for part in charge.parts
        ],
        "rounded_amount": charge.rounded_amount,
        "rounding_difference": plain(charge.rounding_difference),
        "maximum_amount": charge.maximum_amount,
        "minimum_amount": charge.minimum_amount,
        "proration": str(fall.proration),
        **({"earlier": {**_span(fall.earlier.period), "quantity": plain(fall.earlier.quantity)}} if fall.earlier else {}),
        **({"paused_event_count": fall.paused_event_count} if fall.paused_event_count else {}),
    }


def _span(period: Period) -> dict[str, str]:
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


def _add_unit_draws(rows: Rows, invoice: Invoice, stored: InvoiceLine, line: Line, issue: Issue) -> None:
    for period_id, amount in totals(line.waterfall.draws if line.waterfall else ()).items():
        credit = InvoiceCredit(invoice=invoice, line=stored, period_id=period_id, applies_to=AppliesTo.USAGE, amount=amount)
        rows.credits.append(credit)
        rows.entries.append(_burned(credit, invoice, stored.public_id, issue))


def _add_money_draws(rows: Rows, invoice: Invoice, made: InvoiceDraft, issue: Issue) -> None:
    for drawn in made.credits:
        credit = InvoiceCredit(
            invoice=invoice, period_id=drawn.grant_period_id, applies_to=drawn.applies_to, amount=Decimal(drawn.amount)
        )
        rows.credits.append(credit)
        rows.entries.append(_burned(credit, invoice, "", issue))


def _burned(credit: InvoiceCredit, invoice: Invoice, line_id: str, issue: Issue) -> CreditEntry:
    return CreditEntry(
        period_id=credit.period_id,
        kind=EntryKind.BURNED,
        amount=-credit.amount,
        cause=f"draw:{credit.public_id}",
        invoice_id=invoice.public_id,
        line_id=line_id,
        actor_kind=issue.actor.kind,
        actor_id=issue.actor.id,
        created_at=issue.now,
    )


def _event(invoice: Invoice, before: InvoiceStatus, after: InvoiceStatus, issue: Issue) -> InvoiceEvent:
    return InvoiceEvent(
        invoice=invoice,
        from_status=before,
        to_status=after,
        actor_kind=issue.actor.kind,
        actor_id=issue.actor.id,
        created_at=issue.now,
    )


_ADDRESS = ("street", "city", "state", "zipcode", "country")


def _seller(seller: Seller) -> dict[str, str]:
    return {name: getattr(seller, name) for name in ("name", "email", "tax_id", "invoice_footer", *_ADDRESS)}


def _customer(customer: Customer, subscription: Subscription) -> dict[str, str]:
    """Copy who is billed; an address of the subscription replaces the customer's whole."""
    address = subscription if any(getattr(subscription, part) for part in _ADDRESS) else customer
    return {
        "id": customer.public_id,
        "name": subscription.business_name or customer.name,
        "email": customer.email,
        "tax_id": subscription.tax_id or customer.tax_id,
        **{part: getattr(address, part) for part in _ADDRESS},
    }
