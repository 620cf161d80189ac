-- The open periods of customers that have ended, or whose grant was voided, with what they hold and how often they were closed before.
SELECT p.id, p.grant_id, g.customer_id, p.starts_at, p.ends_at, least(p.ends_at, g.voided_at), e.amount, e.turns::int
FROM credits_creditgrant g
CROSS JOIN LATERAL (
    SELECT * FROM credits_grantperiod
    WHERE grant_id = g.id AND settled_at IS NULL AND least(ends_at, g.voided_at) <= %(ended_by)s
    OFFSET 0 -- grant by grant, by the index
) AS p
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(amount), 0) AS amount,
        count(DISTINCT created_at) FILTER (WHERE kind IN ('expired', 'rolled_out', 'voided')) AS turns
    FROM credits_creditentry
    WHERE period_id = p.id
) AS e
WHERE g.customer_id = ANY(%(customers)s::bigint[])
ORDER BY p.grant_id, p.starts_at
