-- Add what a sample showed to the catalogue; the samples were merged already. In key order, so that two writers cannot wait in a circle.
INSERT INTO events_eventproperty (event_name_id, key, string_count, number_count, boolean_count, samples, latest_at)
SELECT * FROM unnest(
    %(names)s::int[], %(keys)s::text[], %(strings)s::bigint[], %(numbers)s::bigint[], %(booleans)s::bigint[],
    %(samples)s::jsonb[], %(latest)s::timestamptz[]
) AS seen (name, key, string_count, number_count, boolean_count, samples, latest_at)
ORDER BY name, key
ON CONFLICT (event_name_id, key) DO UPDATE SET
    string_count = events_eventproperty.string_count + excluded.string_count,
    number_count = events_eventproperty.number_count + excluded.number_count,
    boolean_count = events_eventproperty.boolean_count + excluded.boolean_count,
    samples = excluded.samples,
    latest_at = GREATEST(events_eventproperty.latest_at, excluded.latest_at)
