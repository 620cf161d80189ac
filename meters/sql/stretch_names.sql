-- List the event names of a stretch of the log, with the first and latest timestamp under each.
SELECT n.id, n.name, min(e.timestamp), max(e.timestamp)
FROM events_event e
JOIN events_eventname n ON n.id = e.event_name_id
WHERE e.log_epoch = %(epoch)s
    AND (e.log_xid, e.arrival) > (%(after_xid)s::xid8, %(after_arrival)s)
    AND (e.log_xid, e.arrival) <= (%(latest_xid)s::xid8, %(latest_arrival)s)
GROUP BY n.id, n.name
