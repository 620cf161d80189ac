SELECT span, NULL::bigint AS customer_id, grouping, sum({quantity}) AS quantity, sum(event_count)::bigint AS event_count,
    max(latest_at) AS latest_at
FROM tally
GROUP BY span, grouping
