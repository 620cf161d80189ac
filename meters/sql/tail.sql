-- Raw events that the rollups do not hold yet; voids are looked up only for those that count. See Note [Usage in one statement].
unrolled AS MATERIALIZED (
    SELECT {meter} AS meter_id, e.key, e.customer_id, e.timestamp, e.arrival, {grouping} AS grouping, {number} AS number
    FROM events_event e {meters}
    WHERE {names} AND {after} AND {unrolled}
        AND e.timestamp >= %(first_at)s AND e.timestamp < %(end_at)s {customers}
),
tail AS (
    SELECT e.*
    FROM unrolled e
    WHERE e.number IS NOT NULL AND {not_voided_of_tail}
)
