"""Drop indexes of lines by meter and of draws by line and by period: each is found by its invoice, and nobody asks otherwise."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credits', '0009_one_index_of_periods'),
        ('invoices', '0016_without_like_index'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='invoiceline',
            name='invoice_line_of_meter',
        ),
        migrations.AlterField(
            model_name='invoicecredit',
            name='line',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='invoices.invoiceline'),
        ),
        migrations.AlterField(
            model_name='invoicecredit',
            name='period',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='credits.grantperiod'),
        ),
    ]
