-- Lock drafts, now that nobody else can issue those of their customers, and give those that are still to be issued.
SELECT i.id, i.public_id, i.subscription_id, i.customer_id, i.point, i.revision, i.point_at
FROM invoices_invoice i
WHERE i.id = ANY(%(ids)s::bigint[]) AND i.status = 'draft' AND NOT i.is_held
ORDER BY i.point_at, i.subscription_id, i.revision, i.id
FOR UPDATE
