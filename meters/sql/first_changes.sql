-- When the first of the events behind each customer's quantity came, or changed it.
SELECT asked.customer_id, min(b.changed_at)
FROM unnest(%(customers)s::bigint[]) AS asked(customer_id)
CROSS JOIN LATERAL ({behind}) AS b
GROUP BY asked.customer_id
