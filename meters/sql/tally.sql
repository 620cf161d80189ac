-- The columns of a rollup row, from the rows `c` of counted events. Each aggregation fills only what it reads; the latest
-- quantity is found as the greatest (timestamp, arrival), which an array compares from left to right, exactly.
count(c.number) AS event_count,
sum(c.number) FILTER (WHERE c.aggregation = 'sum') AS quantity_sum,
max(c.number) FILTER (WHERE c.aggregation = 'max') AS quantity_max,
max(ARRAY[EXTRACT(epoch FROM c.timestamp), c.arrival, c.number]) FILTER (WHERE c.aggregation = 'last') AS latest,
max(c.timestamp) AS latest_at
