"""Export invoices and their lines as CSV, streamed from the stored rows; drafts have no lines and only an estimate."""

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from core.sheets import Cell, csv_lines
from invoices.models import Invoice, InvoiceLine, InvoiceStatus

ROWS_AT_ONCE = 2000

INVOICE_COLUMNS = (
    "number",
    "invoice_id",
    "kind",
    "status",
    "customer_id",
    "customer_name",
    "subscription_id",
    "point",
    "revision",
    "period_start",
    "period_end",
    "issued_at",
    "due_at",
    "paid_at",
    "currency",
    "subtotal",
    "usage_credits",
    "tax",
    "included_tax",
    "total",
    "invoice_credits",
    "amount_paid",
    "amount_due",
)
LINE_COLUMNS = (
    "number",
    "invoice_id",
    "line_id",
    "position",
    "kind",
    "description",
    "meter_id",
    "period_start",
    "period_end",
    "quantity",
    "event_count",
    "free_quantity",
    "credited_quantity",
    "chargeable_quantity",
    "unit_price",
    "unrounded_amount",
    "amount",
    "tax_rate",
    "currency",
)


def invoices_csv(invoices: QuerySet[Invoice]) -> Iterator[str]:
    """Yield the lines of a CSV file with one row for each invoice, by number, drafts last. Amounts are in minor units."""
    ordered = invoices.select_related("customer", "subscription").order_by(
        "series__series", "series__year", "series_number", "id"
    )
    return csv_lines(header=INVOICE_COLUMNS, rows=(_invoice(one) for one in ordered.iterator(chunk_size=ROWS_AT_ONCE)))


def lines_csv(invoices: QuerySet[Invoice]) -> Iterator[str]:
    """Yield the lines of a CSV file with one row for each line of the invoices. Quantities are exact, amounts in minor units."""
    lines = InvoiceLine.objects.filter(invoice__in=invoices.order_by()).select_related("invoice", "meter")
    ordered = lines.order_by("invoice__series__series", "invoice__series__year", "invoice__series_number", "position")
    return csv_lines(header=LINE_COLUMNS, rows=(_line(one) for one in ordered.iterator(chunk_size=ROWS_AT_ONCE)))


def _invoice(one: Invoice) -> Sequence[Cell]:
    is_draft = one.status == InvoiceStatus.DRAFT
    # What an issued invoice says of its customer is what it said at issue, whatever the customer is called now.
    name = (one.customer_copy or {}).get("name", one.customer.name)
    return (
        one.number,
        one.public_id,
        one.kind,
        one.status,
        one.customer.public_id,
        name,
        one.subscription.public_id,
        one.point,
        one.revision,
        one.period_start,
        one.period_end,
        one.issued_at,
        one.due_at,
        one.paid_at,
        one.currency,
        None if is_draft else one.subtotal,
        None if is_draft else one.usage_credit_amount,
        None if is_draft else one.tax_amount,
        None if is_draft else one.included_tax_amount,
        one.estimate_total if is_draft else one.total,
        None if is_draft else one.invoice_credit_amount,
        one.amount_paid,
        None if is_draft else one.total - one.invoice_credit_amount - one.amount_paid,
    )


def _line(one: InvoiceLine) -> Sequence[Cell]:
    return (
        one.invoice.number,
        one.invoice.public_id,
        one.public_id,
        one.position,
        one.kind,
        one.description,
        one.meter.public_id if one.meter else None,
        one.period_start,
        one.period_end,
        one.quantity,
        one.event_count,
        one.free_quantity,
        one.credited_quantity,
        one.chargeable_quantity,
        one.unit_price,
        one.unrounded_amount,
        one.amount,
        one.tax_rate,
        one.invoice.currency,
    )
