-- Turn drafts into issued invoices. rows: a JSON list with one object for each draft, locked by the caller.
UPDATE invoices_invoice AS i
SET status = r.status,
    series_id = r.series_id,
    series_number = r.series_number,
    number = r.number,
    issued_at = r.issued_at,
    due_at = r.due_at,
    paid_at = r.paid_at,
    seller_copy = r.seller_copy,
    customer_copy = r.customer_copy,
    snapshot_id = r.snapshot_id,
    kind = r.kind,
    period_start = r.period_start,
    period_end = r.period_end,
    subtotal = r.subtotal,
    usage_credit_amount = r.usage_credit_amount,
    tax_amount = r.tax_amount,
    included_tax_amount = r.included_tax_amount,
    carried_forward_amount = r.carried_forward_amount,
    total = r.total,
    invoice_credit_amount = r.invoice_credit_amount,
    estimate_total = r.total,
    estimated_at = r.issued_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
    id bigint, status text, series_id bigint, series_number bigint, number text, issued_at timestamptz, due_at timestamptz,
    paid_at timestamptz, seller_copy jsonb, customer_copy jsonb, snapshot_id bigint, kind text, period_start timestamptz,
    period_end timestamptz, subtotal bigint, usage_credit_amount bigint, tax_amount bigint, included_tax_amount bigint,
    carried_forward_amount bigint, total bigint, invoice_credit_amount bigint
)
WHERE i.id = r.id AND i.status = 'draft'
