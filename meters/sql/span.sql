-- The spans that are asked for, each with the places of its meter and of its period among the few that there are; of a few spans the
-- planner is told how many, or it would guess ten when it plans for good.
span AS MATERIALIZED (
    SELECT (s.place - 1)::int AS number, (%(meters)s::bigint[])[s.meter] AS meter_id, (%(aggregations)s::text[])[s.meter] AS aggregation,
        (%(event_names)s::int[])[s.meter] AS event_name_id, s.customer_id,
        (%(starts)s::timestamptz[])[s.period] AS starts_at, (%(ends)s::timestamptz[])[s.period] AS ends_at,
        (%(whole_starts)s::timestamptz[])[s.period] AS whole_start, (%(whole_ends)s::timestamptz[])[s.period] AS whole_end,
        (%(first_days)s::date[])[s.period] AS first_day, (%(end_days)s::date[])[s.period] AS end_day
    FROM unnest(%(asked_meters)s::int[], %(customers)s::bigint[], %(asked_periods)s::int[])
        WITH ORDINALITY AS s (meter, customer_id, period, place)
    {limit}
)
