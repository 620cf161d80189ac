-- One row for each customer: how many events all days hold, and the latest quantity of the latest day alone. Days lie apart, so it is the latest of all.
UNION ALL
SELECT {span}, d.customer_id, NULL::text, u.latest_at, d.event_count {columns}
FROM (
    SELECT customer_id, sum(event_count)::bigint AS event_count, max(day) AS day
    FROM meters_usageday
    WHERE meter_id = %(meter)s AND day >= %(first_day)s AND day < %(end_day)s AND event_count > 0
    GROUP BY customer_id
) AS d
JOIN meters_usageday u ON u.meter_id = %(meter)s AND u.customer_id = d.customer_id AND u.day = d.day
