UNION ALL
SELECT {span}, u.customer_id, NULL::text, u.latest_at, u.event_count {columns}
FROM meters_usageday u
WHERE u.meter_id = %(meter)s AND u.day >= %(first_day)s AND u.day < %(end_day)s AND u.event_count > 0 {inside}
