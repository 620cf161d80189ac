"""Check the references to an invoice at the commit for all rows of a statement at once; every row paid for it. See core.references."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_open_references'),
        ('credits', '0008_references_by_index'),
        ('invoices', '0014_never_emptied'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='invoice_refers',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='invoice_refers_when_changed',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoicecredit',
            name='invoice_credit_refers',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoiceline',
            name='invoice_line_refers',
        ),
        migrations.AlterField(
            model_name='invoicecredit',
            name='invoice',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='invoices.invoice'),
        ),
        migrations.AlterField(
            model_name='invoicecredit',
            name='line',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='invoices.invoiceline'),
        ),
        migrations.AlterField(
            model_name='invoiceevent',
            name='invoice',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='invoices.invoice'),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='adjusts',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adjusted_by', to='invoices.invoiceline'),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='invoice',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='invoices.invoice'),
        ),
        migrations.AlterField(
            model_name='invoicetax',
            name='invoice',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='taxes', to='invoices.invoice'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='invoice_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (SELECT FROM invoices_invoiceline WHERE invoice_id = OLD.id) THEN\n    RAISE EXCEPTION 'a row of invoices_invoiceline refers to it' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_kept';\nEND IF;\n\nIF EXISTS (SELECT FROM invoices_invoicetax WHERE invoice_id = OLD.id) THEN\n    RAISE EXCEPTION 'a row of invoices_invoicetax refers to it' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_kept';\nEND IF;\n\nIF EXISTS (SELECT FROM invoices_invoicecredit WHERE invoice_id = OLD.id) THEN\n    RAISE EXCEPTION 'a row of invoices_invoicecredit refers to it' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_kept';\nEND IF;\n\nIF EXISTS (SELECT FROM invoices_invoiceevent WHERE invoice_id = OLD.id) THEN\n    RAISE EXCEPTION 'a row of invoices_invoiceevent refers to it' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_kept';\nEND IF;\nRETURN OLD;", hash='9e0b494a0f5e400e311c69fe6e8eeb850bcd627c', operation='DELETE', pgid='pgtrigger_invoice_kept_8428f', table='invoices_invoice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='invoice_refers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT customer_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM customers_customer AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'customer_id refers to no row of customers_customer' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT subscription_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM products_subscription AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'subscription_id refers to no row of products_subscription' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT series_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM invoices_invoiceseries AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'series_id refers to no row of invoices_invoiceseries' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT snapshot_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM events_logsnapshot AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'snapshot_id refers to no row of events_logsnapshot' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\nRETURN NULL;", hash='39ac03260040809dba4b7288d85607c770813b02', level='STATEMENT', operation='INSERT', pgid='pgtrigger_invoice_refers_0df14', referencing='REFERENCING NEW TABLE AS written ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='invoice_refers_when_changed', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT customer_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM customers_customer AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'customer_id refers to no row of customers_customer' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT subscription_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM products_subscription AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'subscription_id refers to no row of products_subscription' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT series_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM invoices_invoiceseries AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'series_id refers to no row of invoices_invoiceseries' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT snapshot_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM events_logsnapshot AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'snapshot_id refers to no row of events_logsnapshot' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\nRETURN NULL;", hash='08a97a52c7b6eb29341dba747f50565d7dcd7a00', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_invoice_refers_when_changed_028c2', referencing='REFERENCING NEW TABLE AS written ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicecredit',
            trigger=pgtrigger.compiler.Trigger(name='invoice_credit_refers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT period_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM credits_grantperiod AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'period_id refers to no row of credits_grantperiod' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_credit_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT line_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM invoices_invoiceline AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'line_id refers to no row of invoices_invoiceline' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_credit_refers';\nEND IF;\n\nINSERT INTO core_openreference (name, column_name, table_name, ids)\nSELECT 'invoice_credit_refers', 'invoice_id', 'invoices_invoice', array_agg(w.id)\nFROM (SELECT DISTINCT invoice_id AS id FROM written WHERE invoice_id IS NOT NULL) AS w\nHAVING count(*) > 0;\nRETURN NULL;", hash='588534b73de140a6e8e6b4a84889c25734ebd0b1', level='STATEMENT', operation='INSERT', pgid='pgtrigger_invoice_credit_refers_5c452', referencing='REFERENCING NEW TABLE AS written ', table='invoices_invoicecredit', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoiceevent',
            trigger=pgtrigger.compiler.Trigger(name='invoice_event_refers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nINSERT INTO core_openreference (name, column_name, table_name, ids)\nSELECT 'invoice_event_refers', 'invoice_id', 'invoices_invoice', array_agg(w.id)\nFROM (SELECT DISTINCT invoice_id AS id FROM written WHERE invoice_id IS NOT NULL) AS w\nHAVING count(*) > 0;\nRETURN NULL;", hash='07c24ccb139bd4aa4b04cc05e1d5ec2d7a6657ed', level='STATEMENT', operation='INSERT', pgid='pgtrigger_invoice_event_refers_f502a', referencing='REFERENCING NEW TABLE AS written ', table='invoices_invoiceevent', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoiceline',
            trigger=pgtrigger.compiler.Trigger(name='invoice_line_refers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT meter_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM meters_meter AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'meter_id refers to no row of meters_meter' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_line_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT snapshot_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM events_logsnapshot AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'snapshot_id refers to no row of events_logsnapshot' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_line_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT adjusts_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM invoices_invoiceline AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'adjusts_id refers to no row of invoices_invoiceline' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_line_refers';\nEND IF;\n\nINSERT INTO core_openreference (name, column_name, table_name, ids)\nSELECT 'invoice_line_refers', 'invoice_id', 'invoices_invoice', array_agg(w.id)\nFROM (SELECT DISTINCT invoice_id AS id FROM written WHERE invoice_id IS NOT NULL) AS w\nHAVING count(*) > 0;\nRETURN NULL;", hash='3ebf1f472e1bbb3132ef8b2b4b5dccb23ea95e38', level='STATEMENT', operation='INSERT', pgid='pgtrigger_invoice_line_refers_252ec', referencing='REFERENCING NEW TABLE AS written ', table='invoices_invoiceline', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='invoice_tax_refers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nINSERT INTO core_openreference (name, column_name, table_name, ids)\nSELECT 'invoice_tax_refers', 'invoice_id', 'invoices_invoice', array_agg(w.id)\nFROM (SELECT DISTINCT invoice_id AS id FROM written WHERE invoice_id IS NOT NULL) AS w\nHAVING count(*) > 0;\nRETURN NULL;", hash='53475d81e22152b01b547b61a2e284ccdcb7fea4', level='STATEMENT', operation='INSERT', pgid='pgtrigger_invoice_tax_refers_67de8', referencing='REFERENCING NEW TABLE AS written ', table='invoices_invoicetax', when='AFTER')),
        ),
    ]
