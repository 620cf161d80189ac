-- What the spans hold, in pieces that merge without loss.
piece AS (
    SELECT c.span, c.customer_id, c.grouping, c.timestamp AS latest_at, 1::bigint AS event_count,
        CASE WHEN c.aggregation = 'sum' THEN c.number END AS quantity_sum,
        CASE WHEN c.aggregation = 'max' THEN c.number END AS quantity_max,
        CASE WHEN c.aggregation = 'last' THEN ARRAY[EXTRACT(epoch FROM c.timestamp), c.arrival, c.number] END AS latest
    FROM ({counted}) AS c
    WHERE c.number IS NOT NULL
    {rolled}
)
