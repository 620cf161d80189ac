UNION ALL
SELECT s.number, u.customer_id, NULL::text, u.latest_at, u.event_count {columns}
FROM span s
JOIN meters_usageday u ON u.meter_id = s.meter_id AND u.customer_id = s.customer_id AND u.day >= s.first_day AND u.day < s.end_day
WHERE u.event_count > 0
