import secrets
import string

from django.conf import settings
from django.db import migrations

ALPHABET = string.digits + string.ascii_letters


def make_id(prefix):
    return prefix + "_" + "".join(secrets.choice(ALPHABET) for _ in range(24))


def create_deployment(apps, schema_editor):
    """Write the one row that names this deployment, with the zone and the cluster that it begins with."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_deployment
                (id, business_id, brand_id, billing_time_zone, system_identifier, log_epoch, created_at)
            SELECT 1, %s, %s, %s, system_identifier::text, 1, now() FROM pg_control_system()
            ON CONFLICT (id) DO NOTHING
            """,
            [make_id("bus"), make_id("brd"), settings.BILLING_TIME_ZONE],
        )


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunPython(create_deployment, migrations.RunPython.noop)]
