-- Events numbered from first to latest. A third carry the first name, so that one meter is large; timestamps rise with arrival, as in life,
-- with a little noise.
INSERT INTO events_event (key, event_id, customer_id, event_name_id, timestamp, timestamp_given, received_at, metadata)
SELECT md5('bench' || n)::uuid, 'bench-' || n, c.ids[1 + (random() ^ 2 * (array_length(c.ids, 1) - 1))::int],
    e.ids[CASE WHEN random() < 0.3 THEN 1 ELSE 1 + (random() * 9)::int END],
    %(start)s::timestamptz + %(step)s::interval * (n - %(first)s) + random() * interval '10 minutes', true, now(),
    jsonb_build_object('tokens', (random() * 10000)::int, 'cost', round(random()::numeric, 4), 'model', 'large-' || (random() * 3)::int,
        'region', (ARRAY['eu-central-1', 'us-east-1', 'ap-south-1'])[1 + (random() * 2)::int], 'cached', random() < 0.5)
FROM generate_series(%(first)s, %(latest)s) n,
    (SELECT array_agg(id ORDER BY id) AS ids FROM customers_customer) c, (SELECT array_agg(id ORDER BY id) AS ids FROM events_eventname) e
