-- Sort the newest events of one name in a period by what keeps each from being counted, first things first.
WITH newest AS MATERIALIZED (
    SELECT e.*
    FROM events_event e
    WHERE e.event_name_id = (SELECT id FROM events_eventname WHERE name = %(event_name)s)
        AND e.timestamp >= %(starts_at)s AND e.timestamp < %(ends_at)s {customer}
    ORDER BY e.timestamp DESC
    LIMIT %(limit)s
)
SELECT c.cause, count(*), max(c.timestamp), (array_agg(c.event_id ORDER BY c.timestamp DESC, c.arrival))[1:%(samples)s]
FROM (SELECT {cause} AS cause, e.timestamp, e.arrival, e.event_id FROM newest e) AS c
GROUP BY 1
