from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('events', '0005_void_job'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='rejectedevent',
            index=models.Index(condition=models.Q(('status', 'open')), fields=['-id'], name='rejected_event_open'),
        ),
    ]
