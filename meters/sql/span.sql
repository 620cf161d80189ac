-- The spans that are asked for; of a few the planner is told how many, or it would guess ten when it plans for good.
span AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(numbers)s::int[], %(meters)s::bigint[], %(aggregations)s::text[], %(event_names)s::int[], %(customers)s::bigint[],
        %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(whole_starts)s::timestamptz[], %(whole_ends)s::timestamptz[],
        %(first_days)s::date[], %(end_days)s::date[]
    ) AS s (
        number, meter_id, aggregation, event_name_id, customer_id, starts_at, ends_at, whole_start, whole_end, first_day, end_day)
    {limit}
)
