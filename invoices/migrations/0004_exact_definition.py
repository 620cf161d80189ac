"""Keep the fractions of a meter's filter exact in the definitions that lines store; the column stays as it is."""

from django.db import migrations, models

import core.exact_json


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0003_included_tax"),
    ]

    operations = [
        migrations.AlterField(
            model_name="invoiceline",
            name="definition",
            field=models.JSONField(decoder=core.exact_json.ExactDecoder, encoder=core.exact_json.ExactEncoder, null=True),
        ),
    ]
