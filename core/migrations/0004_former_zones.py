"""Keep the billing zones before this one: cycles that began in one end by it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_open_references"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="former_zones",
            field=models.JSONField(db_default=[], default=list, editable=False),
        ),
    ]
