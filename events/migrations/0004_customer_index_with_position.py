from django.db import migrations

# One customer's unrolled tail is found within the index then, whatever the length of the whole tail.
WITH_POSITION = "event_name_id, customer_id, timestamp, log_xid"
WITHOUT = "event_name_id, customer_id, timestamp"


def replace(columns: str) -> list[str]:
    """Build the new index beside the old one, so that neither readers nor writers wait."""
    return [
        f"CREATE INDEX CONCURRENTLY event_by_name_customer_time_new ON events_event ({columns})",
        "DROP INDEX CONCURRENTLY event_by_name_customer_time",
        "ALTER INDEX event_by_name_customer_time_new RENAME TO event_by_name_customer_time",
    ]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("events", "0003_replay_and_dismissal")]
    operations = [
        migrations.RunSQL(forwards, backwards)
        for forwards, backwards in zip(replace(WITH_POSITION), replace(WITHOUT), strict=True)
    ]
