-- One row for each customer, of its days merged where they are read: a tenth of the statement's time was to pass each of them on. A day whose
-- events are all void adds nothing.
UNION ALL
SELECT {span}, u.customer_id, NULL::text, u.latest_at, u.event_count {columns}
FROM (
    SELECT customer_id, {merged}
    FROM meters_usageday
    WHERE meter_id = %(meter)s AND day >= %(first_day)s AND day < %(end_day)s
    GROUP BY customer_id
    HAVING sum(event_count) > 0
) AS u
