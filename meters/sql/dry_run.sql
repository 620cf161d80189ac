-- Some customers' quantities under two definitions, and how many of their events move in or out or add something else.
WITH {judged},
old_tally AS (
    SELECT c.customer_id, {tally}
    FROM (SELECT customer_id, timestamp, arrival, %(old_aggregation)s::text AS aggregation, old AS number FROM judged) AS c
    WHERE c.number IS NOT NULL
    GROUP BY 1
),
new_tally AS (
    SELECT c.customer_id, {tally}
    FROM (SELECT customer_id, timestamp, arrival, %(new_aggregation)s::text AS aggregation, new AS number FROM judged) AS c
    WHERE c.number IS NOT NULL
    GROUP BY 1
),
old_quantity AS (
    SELECT customer_id, {old_quantity} AS quantity FROM (SELECT *, latest[3] AS latest_quantity FROM old_tally) AS t
),
new_quantity AS (
    SELECT customer_id, {new_quantity} AS quantity FROM (SELECT *, latest[3] AS latest_quantity FROM new_tally) AS t
),
moved AS (
    SELECT customer_id,
        count(*) FILTER (WHERE old IS NULL) AS moved_in,
        count(*) FILTER (WHERE new IS NULL) AS moved_out,
        count(*) FILTER (WHERE old <> new) AS changed
    FROM judged
    WHERE old IS NOT NULL OR new IS NOT NULL
    GROUP BY 1
)
SELECT c.public_id, c.name, o.quantity, n.quantity, m.moved_in, m.moved_out, m.changed
FROM moved m
JOIN customers_customer c ON c.id = m.customer_id
LEFT JOIN old_quantity o ON o.customer_id = m.customer_id
LEFT JOIN new_quantity n ON n.customer_id = m.customer_id
ORDER BY m.customer_id
