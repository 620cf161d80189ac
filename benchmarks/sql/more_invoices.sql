-- Copies of the billed invoices; then the lines of each written ten times over into each of its copies.
WITH copied AS (
    INSERT INTO invoices_invoice ({invoice_columns}, public_id, point, series_number, number)
    SELECT {invoice_columns}, 'inv_' || substr(md5(id || '-' || k), 1, 22), point + 1000 * k, series_number + 1000000 * k, number || '-' || k
    FROM invoices_invoice, generate_series(1, %(copies)s) k WHERE kind = 'regular'
    RETURNING id, subscription_id
)
INSERT INTO invoices_invoiceline ({line_columns}, public_id, invoice_id, position)
SELECT {line_columns}, 'lin_' || substr(md5(c.id || '-' || l.id || '-' || k), 1, 22), c.id, l.position + 10 * k
FROM copied c
    JOIN (SELECT id AS billed_id, subscription_id FROM invoices_invoice WHERE kind = 'regular') i USING (subscription_id)
    JOIN invoices_invoiceline l ON l.invoice_id = i.billed_id, generate_series(1, 10) k
