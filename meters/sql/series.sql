-- Usage of one meter by window and, if asked, by customer or metadata value. First each customer's quantity, then their sum, which is
-- what would be billed (semantics 30); where the aggregation allows it, or a window is finer than a day, all customers are one.
-- Without any usage there is one row with the sentinel alone.
WITH {pieces},
tally AS (
    SELECT {span} AS span, {counted_by} AS customer_id, {grouping} AS grouping, {merged}
    FROM piece
    WHERE {only}
    GROUP BY 1, 2, 3
),
answer AS (
    {answer}
)
SELECT sentinel.moved_back, a.span, a.customer_id, a.grouping, a.quantity, a.event_count, a.latest_at
FROM (SELECT {moved_back} AS moved_back) AS sentinel
LEFT JOIN answer a ON true
ORDER BY a.span, a.quantity DESC NULLS LAST, a.customer_id, a.grouping
LIMIT %(limit)s
