-- The next subscriptions with a billing point that needs a draft: later than `since`, or behind a draft that is held or waits.
SELECT s.id, s.customer_id
FROM products_nextpoint n
-- One by one, by the index.
CROSS JOIN LATERAL (SELECT id, customer_id FROM products_subscription WHERE id = n.subscription_id OFFSET 0) AS s
WHERE n.point_at <= %(now)s
    -- The few customers with such drafts are found once: all others of what is due are passed by unread.
    AND (n.point_at > %(since)s OR n.subscription_id IN (
        SELECT own.id
        FROM invoices_invoice h
        JOIN products_subscription own ON own.customer_id = h.customer_id
        WHERE h.status = 'draft' AND (h.is_held OR h.revision > 0)
    ))
    AND (n.point_at > %(since)s OR EXISTS (
        SELECT FROM invoices_invoice h
        WHERE h.customer_id = s.customer_id AND h.status = 'draft' AND (h.is_held OR h.revision > 0)
            AND (h.is_held OR h.created_at > %(limit)s)
            AND (h.point_at, h.subscription_id) <= (n.point_at, n.subscription_id)
    ))
ORDER BY n.point_at, n.subscription_id
LIMIT %(count)s
