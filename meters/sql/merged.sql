sum(event_count)::bigint AS event_count, sum(quantity_sum) AS quantity_sum, max(quantity_max) AS quantity_max,
(max(latest))[3] AS latest_quantity, max(latest_at) AS latest_at
