"""Start the next epoch of the event log after a restore into another cluster, where transaction ids start again (semantics 19)."""

from django.db import connection, transaction
from psycopg import sql

LOGS = ("events_event", "events_eventvoid")


@transaction.atomic
def start_next() -> int | None:
    """Write the cluster's identity and let what is logged from now on carry the next epoch; None where the cluster is the same.

    Safe to run again: the second run finds nothing to do.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT log_epoch, system_identifier FROM core_deployment FOR UPDATE")
        epoch, known = cursor.fetchone()
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        (actual,) = cursor.fetchone()
        if known == actual:
            return None
        for log in LOGS:
            statement = sql.SQL("ALTER TABLE {} ALTER COLUMN log_epoch SET DEFAULT {}")
            cursor.execute(statement.format(sql.Identifier(log), sql.Literal(epoch + 1)))
        cursor.execute("UPDATE core_deployment SET log_epoch = %s, system_identifier = %s", [epoch + 1, actual])
    return int(epoch) + 1
