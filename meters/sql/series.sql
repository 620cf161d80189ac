-- Usage of one meter by window and, if asked, by customer or metadata value. First each customer's quantity, then their sum, which is
-- what would be billed (semantics 30); where the aggregation allows it, or a window is finer than a day, all customers are one.
WITH {pieces},
tally AS (
    SELECT span, {counted_by} AS customer_id, grouping, {merged}
    FROM piece
    WHERE {only}
    GROUP BY 1, 2, 3
)
SELECT span, {shown_by} AS customer_id, grouping, sum({quantity}) AS quantity, sum(event_count)::bigint AS event_count, max(latest_at)
FROM tally
GROUP BY 1, 2, 3
ORDER BY span, quantity DESC NULLS LAST, customer_id, grouping
LIMIT %(limit)s
