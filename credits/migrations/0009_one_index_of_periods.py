"""Drop an index of grant periods by their grant: another begins with it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("credits", "0008_references_by_index")]
    operations = [
        migrations.AlterField(
            model_name="grantperiod",
            name="grant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="periods", to="credits.creditgrant"
            ),
        ),
    ]
