-- The next subscriptions with a billing point that needs a draft: later than `since`, or behind a draft that is held or waits.
SELECT s.id, s.customer_id
FROM products_subscription s
WHERE s.next_point_at <= %(now)s AND (
    s.next_point_at > %(since)s
    OR EXISTS (
        SELECT FROM invoices_invoice h
        WHERE h.customer_id = s.customer_id AND h.status = 'draft' AND (h.is_held OR h.revision > 0)
            AND (h.is_held OR h.created_at > %(limit)s)
            AND (h.point_at, h.subscription_id) <= (s.next_point_at, s.id)
    )
)
ORDER BY s.next_point_at, s.id
LIMIT %(count)s
