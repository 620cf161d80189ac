-- The start of the earliest cycle that is on an open draft, by customer.
SELECT customer_id, min(period_start)
FROM invoices_invoice
WHERE customer_id = ANY(%(customers)s::bigint[]) AND status = 'draft' AND kind = ANY(%(kinds)s::text[])
GROUP BY customer_id
