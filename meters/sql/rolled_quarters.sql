UNION ALL
SELECT {span}, NULL::bigint, NULL::text, u.latest_at, u.event_count {columns}
FROM meters_meterquarter u
WHERE u.meter_id = %(meter)s AND u.starts_at >= %(first_at)s AND u.starts_at < %(end_at)s AND u.event_count > 0 {inside}
