-- Some of the latest events of a stretch of the log, spread by a hash of their arrival, pair by pair of their metadata.
-- Reads the end of the stretch by event_by_position.
SELECT e.event_name_id, e.timestamp, pair.key, jsonb_typeof(e.metadata -> pair.key) AS kind, pair.text
FROM (
    SELECT event_name_id, timestamp, arrival, metadata
    FROM events_event
    WHERE log_epoch = %(epoch)s
        AND (log_xid, arrival) > (%(after_xid)s::xid8, %(after_arrival)s)
        AND (log_xid, arrival) <= (%(latest_xid)s::xid8, %(latest_arrival)s)
    ORDER BY log_xid DESC, arrival DESC
    LIMIT %(reach)s
) AS e
CROSS JOIN LATERAL jsonb_each_text(e.metadata) AS pair (key, text)
WHERE hashint8(e.arrival) %% %(step)s = 0
ORDER BY e.timestamp DESC, e.arrival DESC
