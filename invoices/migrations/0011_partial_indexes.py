"""Index the few invoices that correct another and the few lines that adjust one, in place of all of them."""

import django.contrib.postgres.operations
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0010_credit_notes_of_what_was_carried")]

    operations = [
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="invoice",
            index=models.Index(condition=models.Q(("corrects__isnull", False)), fields=["corrects"], name="invoice_correcting"),
        ),
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="invoiceline",
            index=models.Index(condition=models.Q(("adjusts__isnull", False)), fields=["adjusts"], name="invoice_line_adjusting"),
        ),
    ]
