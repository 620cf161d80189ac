-- Some of the events that count under only one of two definitions, the newest first.
WITH {judged}
SELECT event_id, timestamp, COALESCE(old, new)
FROM judged
WHERE {direction}
ORDER BY timestamp DESC, arrival DESC
LIMIT %(lacking)s
