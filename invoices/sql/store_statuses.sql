-- Store the statuses that the clock has made of subscriptions, locked by the caller.  rows: a JSON list with one object for each.
UPDATE products_subscription AS s
SET status = r.status, cancelled_at = r.cancelled_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id bigint, status text, cancelled_at timestamptz)
WHERE s.id = r.id
