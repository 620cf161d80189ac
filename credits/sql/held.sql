-- The open periods of customers that overlap a time, with what they hold (without the zeros that fill up a column: every figure that
-- comes of it would carry them) and their grants (the columns of credits.rules.Rule).
SELECT p.id, p.starts_at, p.ends_at, (SELECT COALESCE(trim_scale(sum(amount)), 0) FROM credits_creditentry WHERE period_id = p.id),
    g.id, g.public_id, g.name, g.customer_id, g.subscription_id, g.kind, g.meter_id, g.currency, g.amount, g.applies_to, g.priority,
    g.rollover, g.rollover_cap, g.effective_at, g.expires_at, g.renews, g.renewal_interval, g.renewal_count, g.voided_at, g.product_credit_id
FROM credits_creditgrant g
CROSS JOIN LATERAL (
    SELECT * FROM credits_grantperiod
    WHERE grant_id = g.id AND settled_at IS NULL AND starts_at < %(end)s AND (ends_at IS NULL OR ends_at > %(start)s)
    OFFSET 0 -- grant by grant, by the index: a thousand customers are few of those that there may be
) AS p
WHERE g.customer_id = ANY(%(customers)s::bigint[])
ORDER BY p.id
