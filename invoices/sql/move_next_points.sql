-- Move the next billing points of subscriptions, locked by the caller, each given with its new point and instant.
UPDATE products_nextpoint AS n
SET point = r.point, point_at = r.point_at
FROM unnest(%(ids)s::bigint[], %(points)s::int[], %(instants)s::timestamptz[]) AS r (id, point, point_at)
WHERE n.subscription_id = r.id AND n.subscription_id = ANY(%(ids)s::bigint[])
