SELECT s.number AS span, t.aggregation, t.customer_id, t.timestamp, t.arrival, t.grouping, t.number
FROM tail t
JOIN span s
    ON s.number = width_bucket(t.timestamp, %(starts)s::timestamptz[]) - 1 AND t.timestamp >= s.whole_start AND t.timestamp < s.whole_end
