-- Tell which keys, by their places from 1, are stored already. Each is looked up in the index by itself, whatever the planner thinks of
-- the table's size: OFFSET 0 keeps the subquery from being joined.
SELECT sent.n
FROM unnest(%(keys)s::uuid[]) WITH ORDINALITY AS sent (key, n)
WHERE EXISTS (SELECT FROM events_event AS stored WHERE stored.key = sent.key OFFSET 0)
