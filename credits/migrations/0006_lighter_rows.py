"""Check the periods of a statement's entries at once, and drop an index that nothing reads: each entry of a billing run paid for both."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0005_history_names"),
    ]

    operations = [
        # Made by Django for every unique text, for LIKE 'abc%'; these are only ever asked for whole.
        migrations.RunSQL(
            "DROP INDEX IF EXISTS credits_creditentry_cause_fafdbda2_like",
            "CREATE INDEX credits_creditentry_cause_fafdbda2_like ON credits_creditentry (cause varchar_pattern_ops)",
        ),
        migrations.AlterField(
            model_name="creditentry",
            name="period",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="credits.grantperiod",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditentry",
            trigger=pgtrigger.compiler.Trigger(
                name="credit_entry_refers",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT period_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM credits_grantperiod AS t WHERE t.id = w.id)\n) THEN\n    RAISE EXCEPTION 'period_id refers to no row of credits_grantperiod' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'credit_entry_refers';\nEND IF;\nRETURN NULL;",
                    hash="fe4af27c99f1404dfad11524ae9cf97ac3317e71",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_credit_entry_refers_37fc5",
                    referencing="REFERENCING NEW TABLE AS written ",
                    table="credits_creditentry",
                    when="AFTER",
                ),
            ),
        ),
    ]
