SELECT {span} AS span, t.customer_id, t.timestamp, t.arrival, t.grouping, t.number
FROM tail t
WHERE true {inside}
