"""Keep with a draft what was odd at the latest look at it, so that lists of thousands can be narrowed by it."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0012_lighter_rows")]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="odd",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, null=True, size=None
            ),
        ),
    ]
