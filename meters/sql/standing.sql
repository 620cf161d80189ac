-- Read meters as they count now, with how far they are rolled up: the live position, and whether a meter has one of its own.
SELECT d.log_epoch, live.id, live.log_epoch, live.log_xid::text::bigint, live.log_arrival,
    m.id, m.event_name, m.aggregation, m.over_property, m.filter::text,
    ARRAY(SELECT a.during FROM meters_meteractivity a WHERE a.meter_id = m.id ORDER BY a.during), n.id,
    EXISTS (SELECT FROM meters_rollposition own WHERE own.meter_id = m.id)
FROM core_deployment d
CROSS JOIN meters_rollposition live
LEFT JOIN meters_meter m ON m.id = ANY(%(meters)s::bigint[])
LEFT JOIN events_eventname n ON n.name = m.event_name
WHERE live.meter_id IS NULL
