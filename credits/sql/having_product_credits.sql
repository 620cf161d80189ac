-- The subscriptions of customers that have, had or will have a product which grants credits in one of its price versions.
SELECT DISTINCT s.id, s.customer_id
FROM products_subscription s
JOIN products_subscriptionphase p ON p.subscription_id = s.id
WHERE s.customer_id = ANY(%(customers)s::bigint[])
    AND p.product_id IN (
        SELECT v.product_id FROM credits_productcredit c JOIN products_priceversion v ON v.id = c.price_version_id
    )
