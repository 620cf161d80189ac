-- Date late usage that was found at one moment by when the first of it came. Read by the primary key.
UPDATE invoices_lateusage k
SET found_at = dated.found_at
FROM unnest(%(ids)s::bigint[], %(dates)s::timestamptz[]) AS dated(id, found_at)
WHERE k.id = dated.id AND k.found_at = %(now)s
