SELECT t.span, t.customer_id, t.timestamp, t.arrival, t.grouping, t.number
FROM tail t
