-- One meter's whole days by customer: blocks where they are added up, and the other days one by one. day: the latest that holds an event.
SELECT customer_id, event_count, quantity_sum, quantity_max, latest_at, latest_day AS day
FROM meters_usageblock
WHERE block_id = ANY(ARRAY(SELECT id FROM added_up))
UNION ALL
SELECT customer_id, event_count, quantity_sum, quantity_max, latest_at, day
FROM meters_usageday
WHERE meter_id = %(meter)s AND event_count > 0 AND day = ANY(ARRAY(
    SELECT d.date
    FROM core_billingday d
    WHERE d.date >= %(first_day)s AND d.date < %(end_day)s
        AND NOT EXISTS (SELECT FROM added_up b WHERE d.date >= b.first_day AND d.date < b.end_day)
))
