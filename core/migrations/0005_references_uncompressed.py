"""Leave the keys that are looked for at the commit as they are: compressing them took longer than writing them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0004_former_zones")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE core_openreference ALTER COLUMN ids SET STORAGE EXTERNAL",
            "ALTER TABLE core_openreference ALTER COLUMN ids SET STORAGE EXTENDED",
        ),
    ]
