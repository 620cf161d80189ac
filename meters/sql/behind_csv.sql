-- The events of behind.sql in its order, with only what a CSV of them says: what nothing asks of it is not even computed.
SELECT {columns}
FROM ({behind}) AS b (event_id, "timestamp", arrival, received_at, metadata, number, change, changed_at)
ORDER BY b.timestamp DESC, b.arrival DESC
