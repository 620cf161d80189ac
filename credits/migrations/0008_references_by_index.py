"""Look for the periods of entries one by one, by the index: as a join, a whole table was read for a thousand. See core.references."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('credits', '0007_never_emptied'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='creditentry',
            name='credit_entry_refers',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='creditentry',
            trigger=pgtrigger.compiler.Trigger(name='credit_entry_refers', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF EXISTS (\n    SELECT FROM (SELECT DISTINCT period_id AS id FROM written) AS w\n    WHERE w.id IS NOT NULL AND (SELECT t.id FROM credits_grantperiod AS t WHERE t.id = w.id) IS NULL\n) THEN\n    RAISE EXCEPTION 'period_id refers to no row of credits_grantperiod' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'credit_entry_refers';\nEND IF;\nRETURN NULL;", hash='34812418ecdecf0588d03841ba0ba520e828174a', level='STATEMENT', operation='INSERT', pgid='pgtrigger_credit_entry_refers_37fc5', referencing='REFERENCING NEW TABLE AS written ', table='credits_creditentry', when='AFTER')),
        ),
    ]
