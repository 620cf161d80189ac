-- Add the days of one meter's block up, a row for each customer. A day whose events are all void adds nothing.
INSERT INTO meters_usageblock (block_id, customer_id, event_count, quantity_sum, quantity_max, latest_at, latest_day)
SELECT b.id, u.customer_id, sum(u.event_count)::bigint, sum(u.quantity_sum), max(u.quantity_max), max(u.latest_at), max(u.day)
FROM meters_meterblock b
JOIN meters_usageday u ON u.meter_id = b.meter_id AND u.day >= b.first_day AND u.day < b.end_day
WHERE b.id = %(block)s AND u.event_count > 0
GROUP BY b.id, u.customer_id
ORDER BY u.customer_id
