-- Count one stretch of the log into UsageDay and MeterQuarter, for any number of meters, reading each event once.
-- The three arrays run over the meters of the event's name; a number is NULL where the meter does not count the event.
-- Rows are written in key order, so that two writers can never wait for each other in a circle. Sorting a few groups costs less than sorting
-- all that they are made of to find them, but no planner would guess that there are few: so it is told how many rows can be counted at most
-- (LIMIT leaves none out), and an order that grouping by sorting would not have given (+ 0).
WITH day AS MATERIALIZED (
    SELECT array_agg(starts_at ORDER BY date) AS starts, array_agg(date ORDER BY date) AS dates
    FROM core_billingday
    WHERE date BETWEEN %(first_day)s AND %(latest_day)s
),
counted AS MATERIALIZED (
    SELECT m.*
    FROM (
        SELECT unnest({meters}) AS meter_id, unnest({aggregations}) AS aggregation, unnest({numbers}) AS number,
            e.customer_id, e.timestamp, e.arrival, e.log_xid
        FROM events_event e
        WHERE e.log_epoch = %(epoch)s
            AND (e.log_xid, e.arrival) > (%(after_xid)s::xid8, %(after_arrival)s)
            AND (e.log_xid, e.arrival) <= (%(latest_xid)s::xid8, %(latest_arrival)s)
            AND {not_voided}
    ) AS m
    WHERE m.number IS NOT NULL
    LIMIT %(most)s
),
day_tally AS (
    SELECT c.meter_id, c.customer_id, (SELECT dates FROM day)[width_bucket(c.timestamp, (SELECT starts FROM day))] AS day,
        {tally}, max(c.log_xid) AS log_xid, max(c.arrival) AS log_arrival
    FROM counted c
    GROUP BY 1, 2, 3
),
quarter_tally AS (
    SELECT c.meter_id, date_bin('15 minutes', c.timestamp, '2000-01-01Z') AS starts_at,
        {tally}, max(c.log_xid) AS log_xid, max(c.arrival) AS log_arrival
    FROM counted c
    GROUP BY 1, 2
),
days AS (
    INSERT INTO meters_usageday (
        meter_id, customer_id, day, event_count, quantity_sum, quantity_max,
        latest_quantity, latest_arrival, latest_at, log_epoch, log_xid, log_arrival)
    SELECT meter_id, customer_id, day, event_count, quantity_sum, quantity_max,
        latest[3], latest[2], latest_at, %(epoch)s, log_xid, log_arrival
    FROM day_tally
    ORDER BY meter_id + 0, customer_id, day
    ON CONFLICT (meter_id, customer_id, day) DO UPDATE SET {merge_day}
    RETURNING meter_id, day
),
blocks AS (
    {blocks_changed}
)
INSERT INTO meters_meterquarter (
    meter_id, starts_at, event_count, quantity_sum, quantity_max,
    latest_quantity, latest_arrival, latest_at, log_epoch, log_xid, log_arrival)
SELECT meter_id, starts_at, event_count, quantity_sum, quantity_max,
    latest[3], latest[2], latest_at, %(epoch)s, log_xid, log_arrival
FROM quarter_tally
ORDER BY meter_id + 0, starts_at
ON CONFLICT (meter_id, starts_at) DO UPDATE SET {merge_quarter}
