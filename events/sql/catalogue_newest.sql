-- The newest events of a name, pair by pair of their metadata; reads by event_by_name_time.
SELECT e.event_name_id, e.timestamp, pair.key, jsonb_typeof(e.metadata -> pair.key) AS kind, pair.text
FROM (
    SELECT event_name_id, timestamp, arrival, metadata
    FROM events_event
    WHERE event_name_id = %(event_name_id)s
    ORDER BY timestamp DESC
    LIMIT %(limit)s
) AS e
CROSS JOIN LATERAL jsonb_each_text(e.metadata) AS pair (key, text)
ORDER BY e.timestamp DESC, e.arrival DESC
