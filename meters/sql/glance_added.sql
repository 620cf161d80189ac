-- What many meters that count or sum come to on each of some days, the number of whose midnight among %(midnights)s a day is.
WITH {tail},
piece AS (
    SELECT t.meter_id, width_bucket(t.timestamp, %(midnights)s::timestamptz[]) AS day, 1::bigint AS event_count, t.number AS quantity_sum
    FROM tail t
    UNION ALL
    SELECT u.meter_id, width_bucket(u.starts_at, %(midnights)s::timestamptz[]), u.event_count, u.quantity_sum
    FROM meters_meterquarter u
    WHERE u.meter_id = ANY(%(rolled_meters)s::bigint[]) AND u.starts_at >= %(first_at)s AND u.starts_at < %(end_at)s
)
SELECT sentinel.moved_back, a.meter_id, a.day, a.event_count, a.quantity_sum
FROM (SELECT {moved_back} AS moved_back) AS sentinel
LEFT JOIN (
    SELECT meter_id, day, sum(event_count)::bigint AS event_count, sum(quantity_sum) AS quantity_sum FROM piece GROUP BY 1, 2
) AS a ON true
