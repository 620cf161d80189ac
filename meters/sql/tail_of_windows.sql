SELECT t.bucket - 1 AS span, t.aggregation, t.customer_id, t.timestamp, t.arrival, t.grouping, t.number
FROM (SELECT tail.*, width_bucket(tail.timestamp, %(starts)s::timestamptz[]) AS bucket FROM tail) AS t
WHERE t.timestamp >= (%(whole_starts)s::timestamptz[])[t.bucket] AND t.timestamp < (%(whole_ends)s::timestamptz[])[t.bucket]
