-- The renewing grants of customers (the columns of credits.rules.Rule), with the ends of the subscriptions that they follow.
SELECT g.id, g.public_id, g.name, g.customer_id, g.subscription_id, g.kind, g.meter_id, g.currency, g.amount, g.applies_to, g.priority,
    g.rollover, g.rollover_cap, g.effective_at, g.expires_at, g.renews, g.renewal_interval, g.renewal_count, g.voided_at, g.product_credit_id,
    (SELECT ends_at FROM products_subscription WHERE id = g.subscription_id)
FROM credits_creditgrant g
WHERE g.customer_id = ANY(%(customers)s::bigint[]) AND g.renews AND g.effective_at < %(until)s
ORDER BY g.id
