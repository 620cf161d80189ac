-- The next billing points that have no invoice yet, of customers.
SELECT id, customer_id, next_point, ends_at
FROM products_subscription
WHERE customer_id = ANY(%(customers)s::bigint[]) AND next_point IS NOT NULL
