-- The events of one cycle: two of each name for every customer.
INSERT INTO events_event (key, event_id, customer_id, event_name_id, timestamp, timestamp_given, received_at, metadata)
SELECT md5('bench' || c || '-' || e.id || '-' || k)::uuid, 'bench-' || c || '-' || e.id || '-' || k, c, e.id,
    %(cycle_start)s::timestamptz + (k * 7 + c %% 5) * interval '1 day' + interval '10 hours', true, %(cycle_start)s,
    jsonb_build_object('tokens', 500 + (c * 37 + k * 911) %% 1900, 'seats', 1 + c %% 7, 'model', 'large-4')
FROM unnest(%(customers)s::bigint[]) c, generate_series(1, 2) k, events_eventname e
