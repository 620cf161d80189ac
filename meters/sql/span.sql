-- The spans that are asked for, and their meters with the position that each follows; read in one statement with rollups and raw
-- events, so that all are of one snapshot (semantics 20).
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
    JOIN meters_rollposition p ON p.id = COALESCE(own.id, %(live)s)
)
