-- Raw events that the rollups do not hold yet; voids are looked up only for those that count. See Note [Usage in one statement].
unrolled AS MATERIALIZED (
    SELECT m.meter_id, m.aggregation, e.key, e.customer_id, e.timestamp, e.arrival, {grouping} AS grouping, {number} AS number
    FROM events_event e
    JOIN meter m ON m.event_name_id = e.event_name_id
    WHERE m.meter_id = ANY(%(rolled_meters)s)
        AND (e.log_epoch, e.log_xid, e.arrival) > (%(bound_epoch)s, %(bound_xid)s::xid8, %(bound_arrival)s)
        AND (e.log_epoch, e.log_xid, e.arrival) > (m.log_epoch, m.log_xid, m.log_arrival)
        AND e.timestamp >= %(first_at)s AND e.timestamp < %(end_at)s {customers}
),
tail AS (
    SELECT e.*
    FROM unrolled e
    WHERE e.number IS NOT NULL AND {not_voided}
)
