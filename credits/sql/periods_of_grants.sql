-- All periods of grants.
SELECT grant_id, starts_at, id, ends_at, settled_at IS NOT NULL
FROM credits_grantperiod
WHERE grant_id = ANY(%(grants)s::bigint[])
