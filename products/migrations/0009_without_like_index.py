"""Drop an index for LIKE on ids of subscriptions, which no search uses, and which billing wrote for each invoice."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("products", "0008_never_emptied")]
    operations = [
        migrations.RunSQL(
            "DROP INDEX IF EXISTS products_subscription_public_id_9c85865e_like",
            "CREATE INDEX products_subscription_public_id_9c85865e_like ON products_subscription (public_id varchar_pattern_ops)",
        ),
    ]
