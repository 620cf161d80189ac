"""Index the few verifications that do not hold, for the overview and their page."""

import django.contrib.postgres.operations
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0007_fewer_indexes")]

    operations = [
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="verification",
            index=models.Index(condition=models.Q(("holds", False)), fields=["-id"], name="verification_failing"),
        ),
    ]
