-- Read meters as they count now, with how far they are rolled up: the live position, and whether a meter has one of its own.
-- How many are wanted stands in the text, or the planner would guess ten when it plans for good.
SELECT (SELECT log_epoch FROM core_deployment), live.id, live.log_epoch, live.log_xid::text::bigint, live.log_arrival,
    m.id, m.event_name, m.aggregation, m.over_property, m.filter::text,
    ARRAY(SELECT a.during FROM meters_meteractivity a WHERE a.meter_id = m.id ORDER BY a.during), n.id,
    EXISTS (SELECT FROM meters_rollposition own WHERE own.meter_id = m.id),
    (SELECT billing_time_zone FROM core_deployment)
FROM meters_rollposition live
LEFT JOIN (SELECT * FROM unnest(%(meters)s::bigint[]) AS wanted (id) LIMIT {count}) AS wanted ON true
LEFT JOIN meters_meter m ON m.id = wanted.id
LEFT JOIN events_eventname n ON n.name = m.event_name
WHERE live.meter_id IS NULL
