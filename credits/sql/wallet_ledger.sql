-- Every movement of a customer's wallets with the balance before and after it, the newest first. A credit or debit is one movement,
-- however many grants it touched; so is what one invoice took or got back at one time. What rolls over stays in the wallet.
-- In the order of credits.ledger, Note [Entries of one instant].
WITH entry AS (
    SELECT e.id, e.kind, e.amount, e.created_at, e.invoice_id, e.reason, g.currency, p.starts_at,
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
        min(invoice_id) AS invoice_id, min(reason) AS reason, max(starts_at) AS starts_at
    FROM entry
    GROUP BY currency, movement
), placed AS (
    SELECT *, ROW(min(id) OVER (PARTITION BY created_at), starts_at, id) AS place FROM movement
), running AS (
    SELECT *, sum(amount) OVER (PARTITION BY currency ORDER BY place) AS after FROM placed
)
SELECT r.id, COALESCE(w.public_id, 'wle_' || r.id), r.currency, r.kind, r.amount::bigint, (r.after - r.amount)::bigint, r.after::bigint,
    r.created_at, r.invoice_id, COALESCE(w.reason, r.reason)
FROM running r
LEFT JOIN credits_walletentry w ON w.public_id = r.movement
WHERE (%(currency)s::text IS NULL OR r.currency = %(currency)s) AND
    (%(below)s::bigint IS NULL OR r.place < (SELECT place FROM placed WHERE id = %(below)s))
ORDER BY r.place DESC
OFFSET %(offset)s LIMIT %(limit)s
