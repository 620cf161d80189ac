-- One row for each customer, of its blocks and days merged where they are read: a tenth of the statement's time was to pass each of them on.
UNION ALL
SELECT {span}, u.customer_id, NULL::text, u.latest_at, u.event_count {columns}
FROM (
    SELECT customer_id, {merged}
    FROM ({whole}) AS w
    GROUP BY customer_id
) AS u
