from django.db import migrations

# Each round updates the buckets of today again and again: with room on the page the new row version needs no new index entries.
ROOM = """
ALTER TABLE meters_usageday SET (fillfactor = 80);
ALTER TABLE meters_meterquarter SET (fillfactor = 70);
ALTER TABLE meters_rollposition SET (fillfactor = 50);
"""
NO_ROOM = """
ALTER TABLE meters_usageday RESET (fillfactor);
ALTER TABLE meters_meterquarter RESET (fillfactor);
ALTER TABLE meters_rollposition RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("meters", "0003_exact_filter")]
    operations = [migrations.RunSQL(ROOM, NO_ROOM)]
