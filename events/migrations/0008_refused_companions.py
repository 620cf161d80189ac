import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0007_without_customer_index")]
    operations = [
        migrations.CreateModel(
            name="RefusedCompanions",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="companions",
                        serialize=False,
                        to="events.refusedrequest",
                    ),
                ),
                ("keys", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
            ],
            options={
                "verbose_name": "companions of refused events",
                "verbose_name_plural": "companions of refused events",
                "indexes": [django.contrib.postgres.indexes.GinIndex(fields=["keys"], name="refused_companions_by_key")],
            },
        ),
    ]
