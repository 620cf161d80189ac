-- The next billing points that have no invoice yet, of customers.
SELECT s.id, s.customer_id, n.point, s.ends_at
FROM products_subscription s
-- One by one, by the index.
CROSS JOIN LATERAL (SELECT point FROM products_nextpoint WHERE subscription_id = s.id OFFSET 0) AS n
WHERE s.customer_id = ANY(%(customers)s::bigint[])
