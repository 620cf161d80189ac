-- The lines of all invoices in order, with the columns of their export, simply joined and sorted.
SELECT i.number, i.public_id, l.public_id, l.position, l.kind, l.description, m.public_id, l.period_start, l.period_end, l.quantity, l.event_count,
    l.free_quantity, l.credited_quantity, l.chargeable_quantity, l.unit_price, l.unrounded_amount, l.amount, l.tax_rate, i.currency, a.public_id
FROM invoices_invoice i
    JOIN invoices_invoiceline l ON l.invoice_id = i.id
    LEFT JOIN meters_meter m ON m.id = l.meter_id
    LEFT JOIN invoices_invoiceline a ON a.id = l.adjusts_id
    LEFT JOIN invoices_invoiceseries s ON s.id = i.series_id
ORDER BY s.series, s.year, i.series_number, l.position
