"""Refuse to work on a database that is not the one it was: another cluster after a restore, or another billing zone.

And say by which zones cycles are cut: a process that runs on after a change of the zone is refused within a few seconds.
"""

import math
import time
from datetime import datetime
from typing import Any
from weakref import WeakSet

from django.conf import settings
from django.db import connection
from psycopg import AsyncConnection, Connection

from core.errors import DomainError
from core.exact_json import loads
from core.expiring import LIFETIME_SECONDS
from core.periods import FormerZone, Zone, Zones


class ClusterChanged(DomainError):
    """The database was restored into another cluster, where transaction ids start again (semantics 19)."""

    code = "AFTER_RESTORE_NEEDED"


class ZoneChanged(DomainError):
    """BILLING_TIME_ZONE is not the zone that the stored days and cycles were cut by (semantics 4)."""

    code = "BILLING_TIME_ZONE_CHANGED"


def epoch() -> int:
    """Give the log epoch, having made sure that this is its cluster, and its zone. Raises ClusterChanged, ZoneChanged."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT log_epoch, d.system_identifier = c.system_identifier::text, billing_time_zone
            FROM core_deployment d, pg_control_system() c"""
        )
        log_epoch, same, zone = cursor.fetchone()
    _refuse_other((same,))
    refuse_other_zone(zone)
    return int(log_epoch)


_SAME_CLUSTER = "SELECT d.system_identifier = c.system_identifier::text FROM core_deployment d, pg_control_system() c"
_verified: "WeakSet[Connection[Any]]" = WeakSet()


def verify(raw: Connection[Any]) -> None:
    """Make sure once for each connection that it leads to the cluster that the log belongs to. Raises ClusterChanged."""
    if raw not in _verified:
        _refuse_other(raw.execute(_SAME_CLUSTER).fetchone())
        _verified.add(raw)


async def verify_async(raw: AsyncConnection[Any]) -> None:
    """Do as verify() for a new connection on the event loop. Raises ClusterChanged."""
    _refuse_other(await (await raw.execute(_SAME_CLUSTER)).fetchone())


def _refuse_other(row: tuple[Any, ...] | None) -> None:
    if row != (True,):
        raise ClusterChanged("This database was restored into another cluster. Run manage.py after_restore, then start again.")


def check_zone() -> None:
    """Compare the configured billing zone with the stored one. Raises ZoneChanged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_time_zone FROM core_deployment")
        stored = cursor.fetchone()
    if stored:
        refuse_other_zone(stored[0])


def refuse_other_zone(stored: str) -> None:
    """Refuse to go on by another zone than the stored one, also in a process that runs on after a change. Raises ZoneChanged."""
    if stored != settings.BILLING_TIME_ZONE:
        raise ZoneChanged(
            f"BILLING_TIME_ZONE is {settings.BILLING_TIME_ZONE}, but the days of this database are those of {stored}. "
            f"Start every process with {stored}, or run manage.py change_billing_zone {settings.BILLING_TIME_ZONE}."
        )


_former_zones: dict[str, tuple[float, tuple[FormerZone, ...]]] = {}
_READ = "read"


def billing_zone() -> Zone:
    """Give the zone at whose midnights cycles end, with those before it, as they stood LIFETIME_SECONDS ago at most.

    See Note [Another zone] in products.cycles. Raises ZoneChanged.
    """
    expires_at, former = _former_zones.get(_READ, (0.0, ()))
    if expires_at <= (now := time.monotonic()):
        former = _stored_former_zones()
        _former_zones[_READ] = (now + LIFETIME_SECONDS, former)
    return Zones(settings.BILLING_TIME_ZONE, former) if former else settings.BILLING_TIME_ZONE


def _stored_former_zones() -> tuple[FormerZone, ...]:
    """Read the zones before the stored one, which must be ours. Raises ZoneChanged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_time_zone, former_zones::text FROM core_deployment")
        stored, former = cursor.fetchone()
    refuse_other_zone(stored)
    found = [FormerZone(one["name"], datetime.fromisoformat(one["until"])) for one in loads(former)]
    return tuple(sorted(found, key=lambda one: one.until))


def remember_former_zones(former: tuple[FormerZone, ...] | None) -> None:
    """Take these as what the database says, for good; None: ask it again."""
    if former is None:
        _former_zones.clear()
    else:
        _former_zones[_READ] = (math.inf, former)
