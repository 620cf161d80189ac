"""Drop the indexes of foreign keys that a longer index begins with: a billing run writes to each of them for every row."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0006_draft_holding")]

    operations = [
        migrations.AlterField(
            model_name="invoice",
            name="customer",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, to="customers.customer"
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="series",
            field=models.ForeignKey(
                blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="invoices.invoiceseries"
            ),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="invoice",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="invoices.invoice"
            ),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="meter",
            field=models.ForeignKey(
                blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to="meters.meter"
            ),
        ),
        migrations.AlterField(
            model_name="invoicetax",
            name="invoice",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="taxes", to="invoices.invoice"
            ),
        ),
    ]
