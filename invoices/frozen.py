"""What the database sees to in an invoice's row: nothing issued changes, and what it refers to is there."""

import pgtrigger

from core.references import kept

# Semantics 8. What may change once a row is not a draft is named; everything else is compared as a whole row.
FROZEN = pgtrigger.Trigger(
    name="invoice_frozen",
    operation=pgtrigger.Update | pgtrigger.Delete,
    when=pgtrigger.Before,
    func="""
        IF OLD.status = 'draft' THEN
            RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
        END IF;
        IF TG_OP = 'DELETE' THEN
            RAISE EXCEPTION 'invoice % is issued: it is never deleted', OLD.number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_frozen';
        END IF;
        IF NEW.status <> OLD.status
           AND (OLD.status, NEW.status) NOT IN (('issued', 'paid'), ('issued', 'void'), ('paid', 'void'), ('paid', 'issued')) THEN
            RAISE EXCEPTION 'invoice % cannot go from % to %', OLD.number, OLD.status, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_frozen';
        END IF;
        IF to_jsonb(NEW) - ARRAY['status', 'paid_at', 'amount_paid', 'voided_at', 'void_outcome']
           IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'paid_at', 'amount_paid', 'voided_at', 'void_outcome'] THEN
            RAISE EXCEPTION 'invoice % is issued: its figures are frozen', OLD.number
                USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_frozen';
        END IF;
        RETURN NEW;
    """,
)

# By column, the table whose rows it names; see core.references.
REFERRED = {
    "customer_id": "customers_customer",
    "subscription_id": "products_subscription",
    "series_id": "invoices_invoiceseries",
    "snapshot_id": "events_logsnapshot",
}

# What a billing run writes before the invoice itself, which gets its number last (decision 0020).
OF_INVOICE = {"invoice_id": "invoices_invoice"}

KEPT = kept(
    "invoice_kept",
    [(f"invoices_{table}", "invoice_id") for table in ("invoiceline", "invoicetax", "invoicecredit", "invoiceevent")],
)
