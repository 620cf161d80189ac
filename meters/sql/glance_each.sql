-- What many meters of greatest and latest values come to: each customer's quantity first, then their sum, which is what would be billed
-- (semantics 30). The latest is that of each customer's latest day, for days lie apart.
WITH {tail},
day AS (
    SELECT meter_id, customer_id, sum(event_count)::bigint AS event_count, max(quantity_max) AS quantity_max, max(day) AS day
    FROM meters_usageday
    WHERE meter_id = ANY(%(rolled_meters)s::bigint[]) AND day >= %(first_day)s AND day < %(end_day)s AND event_count > 0
    GROUP BY 1, 2
),
piece AS (
    SELECT t.meter_id, t.customer_id, 1::bigint AS event_count, t.number AS quantity_max, t.number AS latest_quantity,
        t.timestamp AS latest_at, t.arrival AS latest_arrival
    FROM tail t
    UNION ALL
    SELECT d.meter_id, d.customer_id, d.event_count, d.quantity_max, u.latest_quantity, u.latest_at, u.latest_arrival
    FROM day d
    JOIN meters_usageday u ON u.meter_id = d.meter_id AND u.customer_id = d.customer_id AND u.day = d.day
),
tally AS (
    SELECT meter_id, sum(event_count) AS event_count, max(quantity_max) AS quantity_max,
        (array_agg(latest_quantity ORDER BY latest_at DESC, latest_arrival DESC))[1] AS latest_quantity
    FROM piece
    GROUP BY meter_id, customer_id
)
SELECT sentinel.moved_back, a.*
FROM (SELECT {moved_back} AS moved_back) AS sentinel
LEFT JOIN (
    SELECT meter_id, sum(event_count)::bigint, sum(quantity_max), sum(latest_quantity) FROM tally GROUP BY meter_id
) AS a ON true
