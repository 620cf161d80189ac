"""Refuse to work on a database that is not the one it was: another cluster after a restore, or another billing zone."""

from django.conf import settings
from django.db import connection

from core.errors import DomainError


class ClusterChanged(DomainError):
    """The database was restored into another cluster, where transaction ids start again (semantics 19)."""

    code = "AFTER_RESTORE_NEEDED"


class ZoneChanged(DomainError):
    """BILLING_TIME_ZONE is not the zone that the stored days and cycles were cut by (semantics 4)."""

    code = "BILLING_TIME_ZONE_CHANGED"


def epoch() -> int:
    """Give the log epoch, having made sure that this is the cluster it belongs to. Raises ClusterChanged."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT log_epoch, d.system_identifier = c.system_identifier::text
            FROM core_deployment d, pg_control_system() c"""
        )
        log_epoch, same = cursor.fetchone()
    if not same:
        raise ClusterChanged("This database was restored into another cluster. Run manage.py after_restore, then start again.")
    return int(log_epoch)


def check_zone() -> None:
    """Compare the configured billing zone with the stored one. Raises ZoneChanged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_time_zone FROM core_deployment")
        (stored,) = cursor.fetchone()
    if stored != settings.BILLING_TIME_ZONE:
        raise ZoneChanged(
            f"BILLING_TIME_ZONE is {settings.BILLING_TIME_ZONE}, but this database was set up with {stored}. "
            f"Set it back, or run manage.py change_billing_zone {settings.BILLING_TIME_ZONE}."
        )
