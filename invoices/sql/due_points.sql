-- The next subscriptions with a billing point that has no invoice yet and whose grace is over, in order; a draft of the customer that is
-- held or waits holds the points after it, which get drafts as well.
SELECT s.id, s.customer_id, s.next_point, s.next_point_at
FROM products_subscription s
WHERE s.next_point_at <= %(limit)s AND (s.next_point_at, s.id) > (%(after_at)s, %(after_subscription)s::bigint)
    AND NOT EXISTS (
        SELECT FROM invoices_invoice h
        WHERE h.customer_id = s.customer_id AND h.status = 'draft' AND (h.is_held OR h.revision > 0)
            AND (h.is_held OR h.created_at > %(limit)s)
            AND (h.point_at, h.subscription_id) <= (s.next_point_at, s.id)
    )
ORDER BY s.next_point_at, s.id
LIMIT %(count)s
