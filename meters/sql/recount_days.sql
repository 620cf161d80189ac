-- Count given (customer, day) buckets of one meter anew, from the raw events up to the meter's position.
WITH bucket AS (
    SELECT b.customer_id, b.day, d.starts_at, d.ends_at
    FROM unnest(%(customers)s::bigint[], %(days)s::date[]) AS b (customer_id, day)
    JOIN core_billingday d ON d.date = b.day
),
tally AS (
    SELECT b.customer_id, b.day, {tally}
    FROM bucket b
    LEFT JOIN LATERAL (
        SELECT %(aggregation)s AS aggregation, {number} AS number, e.timestamp, e.arrival
        FROM events_event e
        WHERE e.event_name_id = %(event_name)s AND e.customer_id = b.customer_id
            AND e.timestamp >= b.starts_at AND e.timestamp < b.ends_at
            AND (e.log_epoch, e.log_xid, e.arrival) <= (%(epoch)s, %(xid)s::xid8, %(arrival)s)
            AND {not_voided}
    ) AS c ON c.number IS NOT NULL
    GROUP BY 1, 2
    ORDER BY 1, 2
),
days AS (
    INSERT INTO meters_usageday (
        meter_id, customer_id, day, event_count, quantity_sum, quantity_max,
        latest_quantity, latest_arrival, latest_at, log_epoch, log_xid, log_arrival)
    SELECT %(meter)s, customer_id, day, event_count, quantity_sum, quantity_max,
        latest[3], latest[2], latest_at, (SELECT log_epoch FROM core_deployment), pg_current_xact_id(), 0
    FROM tally
    ON CONFLICT (meter_id, customer_id, day) DO UPDATE SET {replace}
    RETURNING meter_id, day
)
{blocks_changed}
