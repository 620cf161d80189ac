from django.db import migrations

# A summary of the pages, not of the rows: a round's updates stay within their pages and write no index entries for it.
INDEX = """
CREATE INDEX usage_day_changed ON meters_usageday
    USING brin (((log_xid::text)::bigint)) WITH (pages_per_range = 16, autosummarize = on);
"""
NO_INDEX = "DROP INDEX usage_day_changed;"


class Migration(migrations.Migration):
    dependencies = [("meters", "0004_room_for_updates")]
    operations = [migrations.RunSQL(INDEX, NO_INDEX)]
