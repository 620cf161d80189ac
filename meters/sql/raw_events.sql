-- Stream the raw events of one name and customer in a period, in order of arrival.
SELECT e.event_id, e.timestamp, e.arrival, e.metadata::text
FROM events_event e
JOIN events_eventname n ON n.id = e.event_name_id
WHERE n.name = %(event_name)s AND e.customer_id = %(customer)s
    AND e.timestamp >= %(starts_at)s AND e.timestamp < %(ends_at)s
    AND {not_voided} AND {seen}
ORDER BY e.arrival
