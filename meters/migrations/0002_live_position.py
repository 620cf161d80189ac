from django.db import migrations


def create_live_position(apps, schema_editor):
    """Write the position that all meters which have caught up share."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO meters_rollposition (meter_id, log_epoch, log_xid, log_arrival, failure)
            SELECT NULL, 0, '0', 0, '' WHERE NOT EXISTS (SELECT FROM meters_rollposition WHERE meter_id IS NULL)
            """
        )


class Migration(migrations.Migration):
    dependencies = [("meters", "0001_initial")]
    operations = [migrations.RunPython(create_live_position, migrations.RunPython.noop)]
