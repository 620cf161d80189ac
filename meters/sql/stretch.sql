-- Find the last event of the next stretch of the log, and how many there are: after one position, before another, so many at most.
-- Reads only the index event_by_position.
WITH stretch AS (
    SELECT log_xid, arrival
    FROM events_event
    WHERE log_epoch = %(epoch)s
        AND (log_xid, arrival) > (%(after_xid)s::xid8, %(after_arrival)s)
        AND (log_xid, arrival) < (%(before_xid)s::xid8, %(before_arrival)s)
    ORDER BY log_xid, arrival
    LIMIT %(size)s
)
SELECT log_xid::text::bigint, arrival, (SELECT count(*) FROM stretch)
FROM stretch
ORDER BY log_xid DESC, arrival DESC
LIMIT 1
