-- Raw events of the spans outside their whole buckets: all of them, whatever the position.
SELECT s.number AS span, e.customer_id, e.timestamp, e.arrival, {grouping} AS grouping, {number} AS number
FROM span s
CROSS JOIN LATERAL (VALUES (s.starts_at, s.whole_start), (s.whole_end, s.ends_at)) AS edge (starts_at, ends_at)
JOIN events_event e
    ON e.event_name_id = s.event_name_id AND e.timestamp >= edge.starts_at AND e.timestamp < edge.ends_at {customers}
WHERE edge.starts_at < edge.ends_at AND {not_voided} AND {seen}
