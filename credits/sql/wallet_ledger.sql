-- Every movement of a customer's wallets with the balance before and after it, the newest first. A credit or debit is one movement,
-- however many grants it touched; so is what one invoice took or got back at one time. What rolls over stays in the wallet.
WITH entry AS (
    SELECT e.id, e.kind, e.amount, e.created_at, e.invoice_id, e.reason, g.currency,
        CASE
            WHEN e.cause LIKE 'wallet:%%' THEN split_part(e.cause, ':', 2)
            WHEN e.kind = 'granted' AND g.cause LIKE 'wallet:%%' THEN split_part(g.cause, ':', 2)
            WHEN e.invoice_id <> '' THEN e.invoice_id || ' ' || e.kind || ' ' || e.created_at
            ELSE e.id::text
        END AS movement
    FROM credits_creditgrant g
    JOIN credits_grantperiod p ON p.grant_id = g.id
    JOIN credits_creditentry e ON e.period_id = p.id AND e.kind NOT IN ('rolled_in', 'rolled_out')
    WHERE g.customer_id = %(customer)s AND g.kind = 'money' AND g.applies_to = 'invoice'
), movement AS (
    SELECT max(id) AS id, currency, movement, min(kind) AS kind, sum(amount) AS amount, min(created_at) AS created_at,
        min(invoice_id) AS invoice_id, min(reason) AS reason
    FROM entry
    GROUP BY currency, movement
), running AS (
    SELECT *, sum(amount) OVER (PARTITION BY currency ORDER BY id) AS after FROM movement
)
SELECT r.id, COALESCE(w.public_id, 'wle_' || r.id), r.currency, r.kind, r.amount::bigint, (r.after - r.amount)::bigint, r.after::bigint,
    r.created_at, r.invoice_id, COALESCE(w.reason, r.reason)
FROM running r
LEFT JOIN credits_walletentry w ON w.public_id = r.movement
WHERE (%(currency)s::text IS NULL OR r.currency = %(currency)s) AND (%(below)s::bigint IS NULL OR r.id < %(below)s)
ORDER BY r.id DESC
OFFSET %(offset)s LIMIT %(limit)s
