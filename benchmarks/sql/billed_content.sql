-- What a billing run leaves behind, by parts: how many rows, and a digest of all that they say, in no order. Left out is what differs by
-- nature between two runs: keys and public ids of rows that they made, and which snapshot of the log they took. Rows are named instead by
-- number, position, or grant and start; everything else is in it, columns that are still to come too.
WITH content (part, said) AS (
    SELECT 'invoices', to_jsonb(i) - '{id,public_id,snapshot_id,corrects_id}'::text[]
        || jsonb_build_object('has_snapshot', i.snapshot_id IS NOT NULL, 'corrects', c.number)
    FROM invoices_invoice i LEFT JOIN invoices_invoice c ON c.id = i.corrects_id
    UNION ALL
    SELECT 'lines', to_jsonb(l) - '{id,public_id,invoice_id,snapshot_id,adjusts_id}'::text[]
        || jsonb_build_object('invoice', i.number, 'has_snapshot', l.snapshot_id IS NOT NULL, 'adjusts', a.position, 'adjusts_in', b.number)
    FROM invoices_invoiceline l JOIN invoices_invoice i ON i.id = l.invoice_id
        LEFT JOIN invoices_invoiceline a ON a.id = l.adjusts_id LEFT JOIN invoices_invoice b ON b.id = a.invoice_id
    UNION ALL
    SELECT 'taxes', to_jsonb(t) - '{id,invoice_id}'::text[] || jsonb_build_object('invoice', i.number)
    FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id
    UNION ALL
    SELECT 'draws', to_jsonb(d) - '{id,public_id,invoice_id,line_id,period_id}'::text[]
        || jsonb_build_object('invoice', i.number, 'line', l.position, 'grant', p.grant_id, 'starts_at', p.starts_at)
    FROM invoices_invoicecredit d JOIN invoices_invoice i ON i.id = d.invoice_id JOIN credits_grantperiod p ON p.id = d.period_id
        LEFT JOIN invoices_invoiceline l ON l.id = d.line_id
    UNION ALL
    SELECT 'changes of status', to_jsonb(e) - '{id,invoice_id}'::text[] || jsonb_build_object('invoice', i.number)
    FROM invoices_invoiceevent e JOIN invoices_invoice i ON i.id = e.invoice_id
    UNION ALL
    SELECT 'ledger', to_jsonb(e) - '{id,period_id,invoice_id,line_id,cause}'::text[]
        || jsonb_build_object('invoice', i.number, 'line', l.position, 'grant', p.grant_id, 'starts_at', p.starts_at,
            'cause', regexp_replace(e.cause, '_[A-Za-z0-9]{24}', '_', 'g'), 'names_invoice', e.invoice_id <> '', 'names_line', e.line_id <> '')
    FROM credits_creditentry e JOIN credits_grantperiod p ON p.id = e.period_id
        LEFT JOIN invoices_invoice i ON i.public_id = e.invoice_id AND e.invoice_id <> ''
        LEFT JOIN invoices_invoiceline l ON l.public_id = e.line_id AND e.line_id <> ''
    UNION ALL
    SELECT 'credit periods', to_jsonb(p) - 'id' FROM credits_grantperiod p
    UNION ALL
    SELECT 'grants', to_jsonb(g) - '{id,public_id,cause}'::text[]
        || jsonb_build_object('cause', regexp_replace(g.cause, '_[A-Za-z0-9]{24}', '_', 'g'))
    FROM credits_creditgrant g
    UNION ALL
    SELECT 'wallets', to_jsonb(w) - '{id,public_id,reference_id}'::text[] FROM credits_walletentry w
    UNION ALL
    SELECT 'numbers', to_jsonb(s) - 'id' FROM invoices_invoiceseries s
    UNION ALL
    SELECT 'subscriptions', to_jsonb(u) FROM products_subscription u
    UNION ALL
    SELECT 'next points', to_jsonb(n) FROM products_nextpoint n
)
SELECT part, count(*), md5(string_agg(digest, '' ORDER BY digest))
FROM (SELECT part, md5(said::text) AS digest FROM content) digested
GROUP BY part
ORDER BY part
