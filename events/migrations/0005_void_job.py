"""Let a void say which job did it, so that all that one job voided can be taken back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0004_customer_index_with_position"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventvoid",
            name="job",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddIndex(
            model_name="eventvoid",
            index=models.Index(condition=models.Q(("job", ""), _negated=True), fields=["job", "id"], name="event_void_of_job"),
        ),
    ]
