"""Index the few drafts that hold what comes after them, for every question for what is due next."""

import django.contrib.postgres.operations
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0005_late_usage")]

    operations = [
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status", "draft"), models.Q(("is_held", True), ("revision__gt", 0), _connector="OR")),
                fields=["customer", "point_at", "subscription"],
                name="invoice_draft_holding",
            ),
        ),
    ]
