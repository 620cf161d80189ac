-- Add one meter's block up, a row for each customer: of the blocks within it that are added up, and the days between them. A day whose events are
-- all void adds nothing.
WITH {added_up}
INSERT INTO meters_usageblock (block_id, customer_id, event_count, quantity_sum, quantity_max, latest_at, latest_day)
SELECT %(block)s, customer_id, sum(event_count)::bigint, sum(quantity_sum), max(quantity_max), max(latest_at), max(day)
FROM ({whole}) AS w
GROUP BY customer_id
ORDER BY customer_id
