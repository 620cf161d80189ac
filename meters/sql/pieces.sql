-- Everything that the spans hold, in pieces that merge without loss: rollup rows for their whole buckets, raw events for their
-- edges, and for the whole buckets also the tail, which is the events that the meter's position has not reached. One statement, so
-- that position, rollup and events are those of one snapshot (semantics 20).
span AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(numbers)s::int[], %(meters)s::bigint[], %(customers)s::bigint[],
        %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(whole_starts)s::timestamptz[], %(whole_ends)s::timestamptz[],
        %(first_days)s::date[], %(end_days)s::date[]
    ) AS s (number, meter_id, customer_id, starts_at, ends_at, whole_start, whole_end, first_day, end_day)
),
meter AS MATERIALIZED (
    SELECT m.meter_id, m.aggregation, n.id AS event_name_id, p.log_epoch, p.log_xid, p.log_arrival
    FROM unnest(%(meter_ids)s::bigint[], %(aggregations)s::text[], %(event_names)s::text[]) AS m (meter_id, aggregation, event_name)
    LEFT JOIN events_eventname n ON n.name = m.event_name
    LEFT JOIN meters_rollposition own ON own.meter_id = m.meter_id
    JOIN meters_rollposition p ON p.id = COALESCE(own.id, (SELECT id FROM meters_rollposition WHERE meter_id IS NULL))
),
tail AS (
    SELECT m.log_epoch, m.log_xid, m.log_arrival
    FROM meter m
    JOIN span s USING (meter_id)
    WHERE s.whole_start < s.whole_end
    ORDER BY m.log_epoch, m.log_xid, m.log_arrival
    LIMIT 1
),
c AS (
    SELECT s.number AS span, m.aggregation, e.customer_id, e.timestamp, e.arrival, {grouping} AS grouping, {number} AS number
    FROM span s
    JOIN meter m USING (meter_id)
    CROSS JOIN LATERAL (VALUES (s.starts_at, s.whole_start), (s.whole_end, s.ends_at)) AS edge (starts_at, ends_at)
    JOIN events_event e
        ON e.event_name_id = m.event_name_id AND e.timestamp >= edge.starts_at AND e.timestamp < edge.ends_at {customers_event}
    WHERE edge.starts_at < edge.ends_at AND {not_voided} AND {seen}
    UNION ALL
    SELECT s.number, m.aggregation, e.customer_id, e.timestamp, e.arrival, {grouping}, {number}
    FROM events_event e
    JOIN meter m ON m.event_name_id = e.event_name_id
    JOIN span s ON s.meter_id = m.meter_id AND e.timestamp >= s.whole_start AND e.timestamp < s.whole_end {customers_event}
    WHERE (e.log_epoch, e.log_xid, e.arrival)
            > ((SELECT log_epoch FROM tail), (SELECT log_xid FROM tail), (SELECT log_arrival FROM tail))
        AND (e.log_epoch, e.log_xid, e.arrival) > (m.log_epoch, m.log_xid, m.log_arrival)
        AND {not_voided}
),
piece AS (
    SELECT c.span, c.customer_id, c.grouping, c.timestamp AS latest_at, 1::bigint AS event_count,
        CASE WHEN c.aggregation = 'sum' THEN c.number END AS quantity_sum,
        CASE WHEN c.aggregation = 'max' THEN c.number END AS quantity_max,
        CASE WHEN c.aggregation = 'last' THEN ARRAY[EXTRACT(epoch FROM c.timestamp), c.arrival, c.number] END AS latest
    FROM c
    WHERE c.number IS NOT NULL
    UNION ALL
    {rolled}
)
