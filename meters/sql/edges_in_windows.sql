-- Raw events of windows that touch one another, read once: joined with the windows, all of them would be compared with each.
SELECT width_bucket(e.timestamp, {starts}::timestamptz[]) - 1 AS span, e.customer_id, e.timestamp, e.arrival, {grouping} AS grouping,
    {number} AS number
FROM events_event e
WHERE e.event_name_id = {event_name} AND e.timestamp >= {start} AND e.timestamp < {end} {customers}
    AND {not_voided} AND {seen}
