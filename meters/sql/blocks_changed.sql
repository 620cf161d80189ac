-- Say that the days just written, which `days` lists by meter, are no longer added up: each lies in a block of 5 days, one of 15 and one of 60.
-- Where that was said within the last minute and still stands nothing is written.
-- See Note [Blocks of days].
INSERT INTO meters_meterblock (meter_id, first_day, end_day, is_added_up, changed_at)
SELECT DISTINCT d.meter_id, d.day - mod(d.number, b.length), d.day - mod(d.number, b.length) + b.length, false, now()
FROM (SELECT DISTINCT meter_id, day, day - DATE '0001-01-01' AS number FROM days) AS d
CROSS JOIN (VALUES (5), (15), (60)) AS b (length)
ON CONFLICT (meter_id, first_day, end_day) DO UPDATE SET is_added_up = false, changed_at = excluded.changed_at
WHERE meters_meterblock.is_added_up OR meters_meterblock.changed_at < excluded.changed_at - interval '1 minute'
