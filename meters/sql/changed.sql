-- What changed in the log at a place or later: days whose bucket shows it, and events that no bucket holds yet.
-- Read by usage_day_changed and event_by_position.
SELECT u.meter_id, u.customer_id, d.starts_at, d.ends_at, u.log_epoch, u.log_xid
FROM meters_usageday u
JOIN core_billingday d ON d.date = u.day
WHERE (u.log_epoch = {epoch} AND (u.log_xid::text)::bigint >= {xid} OR {later_epochs} AND u.log_epoch > {epoch}) AND {of_customers}
UNION ALL
SELECT m.id, e.customer_id, e.timestamp, e.timestamp + interval '1 microsecond', e.log_epoch, e.log_xid
FROM events_event e
JOIN events_eventname n ON n.id = e.event_name_id
JOIN meters_meter m ON m.event_name = n.name
WHERE (e.log_epoch, e.log_xid, e.arrival) > ({live_epoch}, {live_xid}::xid8, {live_arrival}) AND {events_of_customers}
