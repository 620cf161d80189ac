-- All periods of the renewing grants of customers: whether closed, and whether closed before their end, as only withdrawing does.
SELECT p.grant_id, p.starts_at, p.id, p.ends_at, p.settled_at IS NOT NULL, COALESCE(p.settled_at < p.ends_at, false)
FROM credits_creditgrant g
CROSS JOIN LATERAL (SELECT * FROM credits_grantperiod WHERE grant_id = g.id OFFSET 0) AS p -- grant by grant, by the index
WHERE g.customer_id = ANY(%(customers)s::bigint[]) AND g.renews AND g.voided_at IS NULL
