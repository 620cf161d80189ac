-- Usage lines of closed points whose usage may have changed since it was counted, each with the greatest position of a change.
-- A change that a count may not have seen has a position not before the xmin of its snapshot; what is known already is left out.
WITH changed AS ({changed})
SELECT DISTINCT ON (i.subscription_id, i.point, l.meter_id, l.period_start)
    i.subscription_id, i.customer_id, i.point, l.meter_id, l.period_start, l.period_end, c.log_epoch, c.log_xid
FROM changed c
-- From the changes to the invoices of their customers to their lines, each by its key (OFFSET 0 keeps the planner from joining otherwise):
-- where invoices came up since the tables were last analysed, it takes them for few, and would read all of them for each change.
CROSS JOIN LATERAL (SELECT * FROM invoices_invoice WHERE customer_id = c.customer_id AND period_end > c.starts_at OFFSET 0) AS i
CROSS JOIN LATERAL (SELECT * FROM invoices_invoiceline WHERE invoice_id = i.id OFFSET 0) AS l
LEFT JOIN invoices_lateusage k
    ON k.subscription_id = i.subscription_id AND k.point = i.point AND k.meter_id = l.meter_id AND k.period_start = l.period_start
JOIN events_logsnapshot s ON s.id = GREATEST(k.snapshot_id, l.snapshot_id)
WHERE i.kind IN ('opening', 'regular', 'final')
    AND (i.status IN ('issued', 'paid') OR i.status = 'void' AND i.void_outcome = 'waive')
    AND l.kind = 'usage' AND l.meter_id = c.meter_id
    AND l.period_end > c.starts_at
    -- A charge that goes on with a cycle depends on what was counted before the change, too.
    AND COALESCE((l.waterfall #>> '{{earlier,start}}')::timestamptz, l.period_start) < c.ends_at
    AND (c.log_epoch, c.log_xid) >= (s.log_epoch, pg_snapshot_xmin(s.snapshot))
    AND (k.id IS NULL OR k.state = 'settled' OR (c.log_epoch, c.log_xid) > (k.log_epoch, k.log_xid))
ORDER BY i.subscription_id, i.point, l.meter_id, l.period_start, c.log_epoch DESC, c.log_xid DESC
