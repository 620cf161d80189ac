-- Keep what was found late, to be looked at; what a person approved before is to be looked at again.
INSERT INTO invoices_lateusage AS k
    (subscription_id, customer_id, point, meter_id, period_start, period_end, log_epoch, log_xid, state, found_at)
SELECT found.*, 'open', %(now)s
FROM ({found}) AS found
ON CONFLICT (subscription_id, point, meter_id, period_start) DO UPDATE
SET state = 'open', found_at = CASE WHEN k.state = 'settled' THEN excluded.found_at ELSE k.found_at END,
    log_epoch = excluded.log_epoch, log_xid = excluded.log_xid
