"""Give the next billing points of subscriptions a table of their own, and carry those over that are stored.

The lock keeps any other process from moving one meanwhile; the statistics are what the first billing run is planned by.
"""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

CARRY = """
LOCK TABLE products_subscription IN ACCESS EXCLUSIVE MODE;
INSERT INTO products_nextpoint (subscription_id, point, point_at)
SELECT id, next_point, next_point_at FROM products_subscription WHERE next_point IS NOT NULL ORDER BY id;
ANALYZE products_nextpoint;
"""
CARRY_BACK = """
UPDATE products_subscription AS s SET next_point = n.point, next_point_at = n.point_at
FROM products_nextpoint AS n WHERE n.subscription_id = s.id;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('products', '0009_without_like_index'),
    ]

    operations = [
        migrations.CreateModel(
            name='NextPoint',
            fields=[
                ('subscription', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='next_point', serialize=False, to='products.subscription')),
                ('point', models.IntegerField()),
                ('point_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'next billing point',
                'verbose_name_plural': 'next billing points',
            },
        ),
        migrations.RunSQL(CARRY, CARRY_BACK),
        pgtrigger.migrations.RemoveTrigger(
            model_name='subscription',
            name='update_update',
        ),
        migrations.RemoveConstraint(
            model_name='subscription',
            name='subscription_next_point_whole',
        ),
        migrations.RemoveIndex(
            model_name='subscription',
            name='subscription_due',
        ),
        migrations.RemoveField(
            model_name='subscription',
            name='next_point',
        ),
        migrations.RemoveField(
            model_name='subscription',
            name='next_point_at',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='subscription',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "products_subscriptionhistory" ("bill_from", "business_name", "cancel_at_next_billing_date", "cancel_reason", "cancellation_comment", "cancellation_feedback", "cancelled_at", "city", "country", "created_at", "credits_fee_at_end", "currency", "customer_id", "ends_at", "expires_at", "id", "metadata", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_id", "quantity", "start_at", "state", "status", "street", "tax_id", "trial_ends_at", "updated_at", "zipcode") VALUES (NEW."bill_from", NEW."business_name", NEW."cancel_at_next_billing_date", NEW."cancel_reason", NEW."cancellation_comment", NEW."cancellation_feedback", NEW."cancelled_at", NEW."city", NEW."country", NEW."created_at", NEW."credits_fee_at_end", NEW."currency", NEW."customer_id", NEW."ends_at", NEW."expires_at", NEW."id", NEW."metadata", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."public_id", NEW."quantity", NEW."start_at", NEW."state", NEW."status", NEW."street", NEW."tax_id", NEW."trial_ends_at", NEW."updated_at", NEW."zipcode"); RETURN NULL;', hash='0d15b06d91600dfc57b53bef9914c266f4919925', operation='UPDATE', pgid='pgtrigger_update_update_bac93', table='products_subscription', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='nextpoint',
            index=models.Index(fields=['point_at', 'subscription'], name='next_point_due'),
        ),
        migrations.AddConstraint(
            model_name='nextpoint',
            constraint=models.CheckConstraint(condition=models.Q(('point__gte', 0)), name='next_point_not_negative'),
        ),
    ]
