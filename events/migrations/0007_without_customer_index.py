from django.db import migrations

CREATE = "CREATE INDEX CONCURRENTLY event_by_customer_time ON events_event (customer_id, timestamp)"


class Migration(migrations.Migration):
    """The newest events of a customer are merged from those of each name, as the newest of all are: docs/decisions/0013."""

    atomic = False
    dependencies = [("events", "0006_open_rejected_events")]
    operations = [migrations.RunSQL("DROP INDEX CONCURRENTLY event_by_customer_time", CREATE)]
