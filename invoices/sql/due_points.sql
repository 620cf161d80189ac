-- The next subscriptions with a billing point that has no invoice yet and whose grace is over, in order; a draft of the customer that is
-- held or waits holds the points after it, which get drafts as well.
SELECT s.id, s.customer_id, n.point, n.point_at
FROM products_nextpoint n
-- One by one, by the index.
CROSS JOIN LATERAL (SELECT id, customer_id FROM products_subscription WHERE id = n.subscription_id OFFSET 0) AS s
WHERE n.point_at <= %(limit)s AND (n.point_at, n.subscription_id) > (%(after_at)s, %(after_subscription)s::bigint)
    AND NOT EXISTS (
        SELECT FROM invoices_invoice h
        WHERE h.customer_id = s.customer_id AND h.status = 'draft' AND (h.is_held OR h.revision > 0)
            AND (h.is_held OR h.created_at > %(limit)s)
            AND (h.point_at, h.subscription_id) <= (n.point_at, n.subscription_id)
    )
ORDER BY n.point_at, n.subscription_id
LIMIT %(count)s
