-- Count the newest events of given names, with the latest of each name; of one customer or of all.
SELECT n.name, count(e.*), max(e.timestamp), (array_agg(e.event_id ORDER BY e.timestamp DESC, e.arrival))[1:%(samples)s]
FROM events_eventname n
JOIN LATERAL (
    SELECT e.event_id, e.timestamp, e.arrival
    FROM events_event e
    WHERE e.event_name_id = n.id AND e.timestamp >= %(starts_at)s AND e.timestamp < %(ends_at)s {customer}
    ORDER BY e.timestamp DESC
    LIMIT %(limit)s
) AS e ON true
WHERE n.name = ANY(%(names)s::text[])
GROUP BY n.id
ORDER BY 2 DESC, n.id
