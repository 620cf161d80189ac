UNION ALL
SELECT s.number, u.customer_id, NULL::text, u.latest_at, u.event_count, u.quantity_sum, u.quantity_max,
    CASE WHEN u.latest_arrival IS NOT NULL
        THEN ARRAY[EXTRACT(epoch FROM u.latest_at), u.latest_arrival, u.latest_quantity] END
FROM span s
JOIN meters_usageday u ON u.meter_id = s.meter_id AND u.day >= s.first_day AND u.day < s.end_day {customers}
WHERE u.event_count > 0
