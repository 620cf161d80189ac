-- The next drafts whose grace is over, in order; one that is held or waits holds those of its customer that come after it.
-- A revision's grace counts from when it was asked for, so that a person can look at it first.
SELECT i.id, i.public_id, i.subscription_id, i.customer_id, i.point, i.revision, i.point_at
FROM invoices_invoice i
WHERE i.status = 'draft' AND i.point_at <= %(limit)s AND (i.point_at, i.subscription_id) > (%(after_at)s, %(after_subscription)s::bigint)
    AND NOT EXISTS (
        SELECT FROM invoices_invoice h
        WHERE h.customer_id = i.customer_id AND h.status = 'draft' AND (h.is_held OR h.revision > 0)
            AND (h.is_held OR h.created_at > %(limit)s)
            AND (h.point_at, h.subscription_id) <= (i.point_at, i.subscription_id)
    )
ORDER BY i.point_at, i.subscription_id, i.revision, i.id
LIMIT %(count)s
