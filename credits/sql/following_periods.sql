-- Pairs of a period and the open one of the same grant that begins where it ends.
SELECT p.id, f.id
FROM credits_grantperiod p
JOIN credits_creditgrant g ON g.id = p.grant_id AND g.renews
JOIN credits_grantperiod f ON f.grant_id = p.grant_id AND f.starts_at = p.ends_at AND f.settled_at IS NULL
WHERE p.id = ANY(%(periods)s::bigint[])
