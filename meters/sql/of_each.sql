SELECT span, customer_id, grouping, {quantity} AS quantity, event_count, latest_at
FROM tally
