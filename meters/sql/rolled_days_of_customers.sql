UNION ALL
SELECT s.number, u.customer_id, NULL::text, u.latest_at, u.event_count {columns}
FROM span s
-- OFFSET 0: span by span, each by the index. Joined as a whole, thousands of spans would have all usage of everybody read.
CROSS JOIN LATERAL (
    SELECT * FROM meters_usageday d
    WHERE d.meter_id = s.meter_id AND d.customer_id = s.customer_id AND d.day >= s.first_day AND d.day < s.end_day AND d.event_count > 0
    OFFSET 0
) AS u
