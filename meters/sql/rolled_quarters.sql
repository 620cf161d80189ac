UNION ALL
SELECT s.number, NULL::bigint, NULL::text, u.latest_at, u.event_count, u.quantity_sum, u.quantity_max,
    CASE WHEN u.latest_arrival IS NOT NULL
        THEN ARRAY[EXTRACT(epoch FROM u.latest_at), u.latest_arrival, u.latest_quantity] END
FROM span s
JOIN meters_meterquarter u ON u.meter_id = s.meter_id AND u.starts_at >= s.whole_start AND u.starts_at < s.whole_end
WHERE u.event_count > 0
