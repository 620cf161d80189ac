-- Count the newest refused events that were not taken in later, by code, whose customer reference or event name was meant.
SELECT r.code, count(*), max(q.latest_received_at), (array_agg(r.event_id ORDER BY r.id DESC))[1:%(samples)s]
FROM (SELECT * FROM events_rejectedevent ORDER BY id DESC LIMIT %(limit)s) AS r
JOIN events_refusedrequest q ON q.id = r.request_id
WHERE r.status = 'open' AND q.latest_received_at >= %(starts_at)s AND q.first_received_at < %(refused_until)s
    AND ({customer})
GROUP BY 1
ORDER BY 2 DESC, 1
