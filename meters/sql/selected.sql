-- Group the newest events of a selection that are not void.
SELECT s.event_name_id, s.customer_id, count(*), min(s.timestamp), max(s.timestamp)
FROM (
    SELECT e.event_name_id, e.customer_id, e.timestamp
    FROM {events}
    ORDER BY e.timestamp DESC
    LIMIT %(limit)s
) AS s
GROUP BY 1, 2
ORDER BY 3 DESC, 1, 2
