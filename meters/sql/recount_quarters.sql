-- Count given quarter hours of one meter anew, over all customers, from the raw events up to the meter's position.
WITH tally AS (
    SELECT b.starts_at, {tally}
    FROM unnest(%(quarters)s::timestamptz[]) AS b (starts_at)
    LEFT JOIN LATERAL (
        SELECT %(aggregation)s AS aggregation, {number} AS number, e.timestamp, e.arrival
        FROM events_event e
        WHERE e.event_name_id = %(event_name)s
            AND e.timestamp >= b.starts_at AND e.timestamp < b.starts_at + interval '15 minutes'
            AND (e.log_epoch, e.log_xid, e.arrival) <= (%(epoch)s, %(xid)s::xid8, %(arrival)s)
            AND {not_voided}
    ) AS c ON c.number IS NOT NULL
    GROUP BY 1
    ORDER BY 1
)
INSERT INTO meters_meterquarter (
    meter_id, starts_at, event_count, quantity_sum, quantity_max,
    latest_quantity, latest_arrival, latest_at, log_epoch, log_xid, log_arrival)
SELECT %(meter)s, starts_at, event_count, quantity_sum, quantity_max,
    latest[3], latest[2], latest_at, (SELECT log_epoch FROM core_deployment), pg_current_xact_id(), 0
FROM tally
ON CONFLICT (meter_id, starts_at) DO UPDATE SET {replace}
