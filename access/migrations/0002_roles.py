from django.db import migrations

ROLES = ("owner", "operator", "finance", "viewer")


def create_roles(apps, schema_editor):
    """Write the groups by which people get their permissions; what each may do stands in access/rules.py."""
    with schema_editor.connection.cursor() as cursor:
        for role in ROLES:
            cursor.execute("INSERT INTO auth_group (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", [role])


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
