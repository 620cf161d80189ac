-- Lock subscriptions, now that nobody else can bill their customers, and give those that still have a billing point without an invoice.
SELECT s.id, s.next_point
FROM products_subscription s
WHERE s.id = ANY(%(ids)s::bigint[]) AND s.next_point_at <= %(now)s
ORDER BY s.next_point_at, s.id
FOR NO KEY UPDATE
