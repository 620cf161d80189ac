-- The same of a few customers, each read by the index of its own events, which holds their transactions too: a long tail of all
-- customers together costs nothing then. Written so that the index by position is none the planner can take,
-- and that it guesses no better from a number than from a parameter, or it would not plan for good.
unrolled AS MATERIALIZED (
    SELECT s.number AS span, e.key, e.customer_id, e.timestamp, e.arrival, {grouping} AS grouping, {number} AS number
    FROM span s
    JOIN events_event e
        ON e.event_name_id = s.event_name_id AND e.customer_id = s.customer_id
        AND e.timestamp >= s.whole_start AND e.timestamp < s.whole_end
    WHERE e.log_xid >= (SELECT %(least_xid)s::xid8) AND {unrolled}
),
tail AS (
    SELECT e.*
    FROM unrolled e
    WHERE e.number IS NOT NULL AND {not_voided_of_tail}
)
