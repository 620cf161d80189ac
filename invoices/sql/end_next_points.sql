-- Take away the next billing points of subscriptions, locked by the caller, that have none to come.
DELETE FROM products_nextpoint WHERE subscription_id = ANY(%(ids)s::bigint[])
