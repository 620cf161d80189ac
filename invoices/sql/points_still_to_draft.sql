-- The next billing points of subscriptions, locked by the caller, that have come.
SELECT subscription_id, point
FROM products_nextpoint
WHERE subscription_id = ANY(%(ids)s::bigint[]) AND point_at <= %(now)s
ORDER BY point_at, subscription_id
