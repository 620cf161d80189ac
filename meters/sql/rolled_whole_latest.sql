-- One row for each customer: how many events all days hold, and the latest quantity of its latest day. Days lie apart, so it is the latest of all.
-- Most customers' is the latest day of anybody, whose rows are read at once; to look each one up takes five times as long.
UNION ALL (
    WITH each AS MATERIALIZED (
        SELECT customer_id, sum(event_count)::bigint AS event_count, max(day) AS day
        FROM ({whole}) AS w
        GROUP BY customer_id
    )
    SELECT {span}, d.customer_id, NULL::text, u.latest_at, d.event_count {columns}
    FROM each d
    JOIN (
        SELECT * FROM meters_usageday WHERE meter_id = %(meter)s AND day = (SELECT max(day) FROM each) OFFSET 0
    ) AS u ON u.customer_id = d.customer_id AND u.day = d.day
    UNION ALL
    SELECT {span}, d.customer_id, NULL::text, u.latest_at, d.event_count {columns}
    FROM each d
    JOIN meters_usageday u ON u.meter_id = %(meter)s AND u.customer_id = d.customer_id AND u.day = d.day
    WHERE d.day < (SELECT max(day) FROM each)
)
