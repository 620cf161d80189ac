"""Check references of a statement's invoices, lines and draws at once, and drop indexes that nothing reads; every row paid for both."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0006_lighter_rows"),
        ("customers", "0003_history_names"),
        ("events", "0006_open_rejected_events"),
        ("invoices", "0011_partial_indexes"),
        ("meters", "0007_history_names"),
        ("products", "0007_life_of_a_scheduled_change"),
    ]

    operations = [
        # Made by Django for every unique text, for LIKE 'abc%'; these are only ever asked for whole.
        migrations.RunSQL(
            "DROP INDEX IF EXISTS invoices_invoice_public_id_63b0b357_like",
            "CREATE INDEX invoices_invoice_public_id_63b0b357_like ON invoices_invoice (public_id varchar_pattern_ops)",
        ),
        migrations.RunSQL(
            "DROP INDEX IF EXISTS invoices_invoiceline_public_id_ee8cecee_like",
            "CREATE INDEX invoices_invoiceline_public_id_ee8cecee_like ON invoices_invoiceline (public_id varchar_pattern_ops)",
        ),
        migrations.RunSQL(
            "DROP INDEX IF EXISTS invoices_invoicecredit_public_id_759b4da2_like",
            "CREATE INDEX invoices_invoicecredit_public_id_759b4da2_like ON invoices_invoicecredit (public_id varchar_pattern_ops)",
        ),
        # By name: Django would take invoice_credit_note_once for the index of the foreign key, and drop it as well.
        migrations.RunSQL(
            "DROP INDEX invoices_invoice_corrects_id_0fb1cf8b",
            "CREATE INDEX invoices_invoice_corrects_id_0fb1cf8b ON invoices_invoice (corrects_id)",
            state_operations=[
                migrations.AlterField(
                    model_name="invoice",
                    name="corrects",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="invoices.invoice",
                    ),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="invoice",
            name="customer",
            field=models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to="customers.customer"
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="series",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="invoices.invoiceseries",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="snapshot",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="events.logsnapshot",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="subscription",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoices",
                to="products.subscription",
            ),
        ),
        migrations.AlterField(
            model_name="invoicecredit",
            name="period",
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to="credits.grantperiod"),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="adjusts",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="adjusted_by",
                to="invoices.invoiceline",
            ),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="meter",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="meters.meter",
            ),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="snapshot",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="events.logsnapshot",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_refers",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT customer_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM customers_customer AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'customer_id refers to no row of customers_customer' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT subscription_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM products_subscription AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'subscription_id refers to no row of products_subscription' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT series_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM invoices_invoiceseries AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'series_id refers to no row of invoices_invoiceseries' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT snapshot_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM events_logsnapshot AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'snapshot_id refers to no row of events_logsnapshot' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers';\nEND IF;\nRETURN NULL;",
                    hash="b9c0e66200f6d7551dafb6a244aedd6f29dfd17a",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_invoice_refers_0df14",
                    referencing="REFERENCING NEW TABLE AS written ",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_refers_when_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT customer_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM customers_customer AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'customer_id refers to no row of customers_customer' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT subscription_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM products_subscription AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'subscription_id refers to no row of products_subscription' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT series_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM invoices_invoiceseries AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'series_id refers to no row of invoices_invoiceseries' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT snapshot_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM events_logsnapshot AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'snapshot_id refers to no row of events_logsnapshot' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_refers_when_changed';\nEND IF;\nRETURN NULL;",
                    hash="35e137f6c1fbbd74704b9f12a2cb22b5da8a2688",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_invoice_refers_when_changed_028c2",
                    referencing="REFERENCING NEW TABLE AS written ",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoicecredit",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_credit_refers",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT period_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM credits_grantperiod AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'period_id refers to no row of credits_grantperiod' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_credit_refers';\nEND IF;\nRETURN NULL;",
                    hash="b3fdc896a018613cfea441cc83d2c59f657ca6b4",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_invoice_credit_refers_5c452",
                    referencing="REFERENCING NEW TABLE AS written ",
                    table="invoices_invoicecredit",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoiceline",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_line_refers",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT meter_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM meters_meter AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'meter_id refers to no row of meters_meter' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_line_refers';\nEND IF;\n\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT snapshot_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM events_logsnapshot AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'snapshot_id refers to no row of events_logsnapshot' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_line_refers';\nEND IF;\nRETURN NULL;",
                    hash="f33411100e82ac2f5fa11083f127a5c46f428b8b",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_invoice_line_refers_252ec",
                    referencing="REFERENCING NEW TABLE AS written ",
                    table="invoices_invoiceline",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoiceseries",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_series_never_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="82c741ad3af234cd11d13ab924aa7af39911deac",
                    operation="DELETE",
                    pgid="pgtrigger_invoice_series_never_deleted_ec029",
                    table="invoices_invoiceseries",
                    when="BEFORE",
                ),
            ),
        ),
    ]
