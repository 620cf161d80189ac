-- The events that a meter counts of one customer in a period, newest first; or, where two moments are compared, those that count at
-- one of them only. number: what the event adds, or adds by the change. Read by the index (event name, customer, timestamp).
SELECT c.event_id, c.timestamp, c.arrival, c.received_at, c.metadata, CASE WHEN c.counts_now THEN c.number ELSE -c.number END,
    CASE WHEN c.is_new THEN 'arrived' WHEN c.counts_now THEN 'restored' ELSE 'voided' END,
    CASE WHEN c.is_new THEN c.received_at
        ELSE (SELECT max(v.created_at) FROM events_eventvoid v WHERE v.event_id = c.key AND {acted}) END AS changed_at
FROM (
    SELECT e.key, e.event_id, e.timestamp, e.arrival, e.received_at, e.metadata::text AS metadata, {number} AS number,
        {counts_now} AS counts_now, {counted_then} AS counted_then, {is_new} AS is_new
    FROM events_event e
    JOIN events_eventname n ON n.id = e.event_name_id
    WHERE n.name = %(event_name)s AND e.customer_id = {customer}
        AND e.timestamp >= %(starts_at)s AND e.timestamp < %(ends_at)s AND {after}
) AS c
WHERE c.number IS NOT NULL AND c.counts_now <> c.counted_then
ORDER BY c.timestamp DESC, c.arrival DESC
LIMIT %(limit)s
