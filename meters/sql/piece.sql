-- What the spans hold, in pieces that merge without loss.
piece AS (
    SELECT c.span, c.customer_id, c.grouping, c.timestamp AS latest_at, 1::bigint AS event_count {columns}
    FROM ({counted}) AS c
    WHERE c.number IS NOT NULL
    {rolled}
)
