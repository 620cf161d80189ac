-- Event names that contain a text, the busiest of late first; counting ends at a bound, so that a busy name costs no more than that.
SELECT n.name, recent.event_count
FROM (
    SELECT id, name FROM events_eventname WHERE strpos(lower(name), lower(%(contains)s)) > 0 ORDER BY id DESC LIMIT %(names)s
) AS n
CROSS JOIN LATERAL (
    SELECT count(*) AS event_count
    FROM (SELECT FROM events_event WHERE event_name_id = n.id AND timestamp >= %(since)s LIMIT %(bound)s) AS counted
) AS recent
ORDER BY recent.event_count DESC, n.name
LIMIT %(limit)s
