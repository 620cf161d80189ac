-- Store what drafting found out about subscriptions: their next billing points, their status.
-- rows: a JSON list with one object for each subscription, locked by the caller.  ids: the same, by which an index finds them.
UPDATE products_subscription AS s
SET next_point = r.next_point, next_point_at = r.next_point_at, status = r.status, cancelled_at = r.cancelled_at
FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS r (id bigint, next_point int, next_point_at timestamptz, status text, cancelled_at timestamptz)
WHERE s.id = r.id AND s.id = ANY(%(ids)s::bigint[])
