"""Read dates and midnights by the billing zone that was in force then, so that what was dated stays so when the zone changes. PURE.

See Note [Another zone] in products.cycles.
"""

from datetime import UTC, date, datetime, timedelta

from core.periods import Zone, local_date, local_midnight

_MICROSECOND = timedelta(microseconds=1)


def name_at(instant: datetime, zone: Zone) -> str:
    """Give the name of the billing zone in force at an instant; of a cycle's both ends it is the one in force as it began."""
    return zone if isinstance(zone, str) else zone.at(instant)


def date_at(instant: datetime, zone: Zone, *, set_at: datetime | None = None) -> date:
    """Give the date of an instant in the billing zone of then.

    set_at: when the instant was set, where that was before: an invoice stays due on the day that it named.
    """
    return local_date(instant, name_at(set_at or instant, zone))


def midnight_of(day: date, zone: Zone) -> datetime:
    """Give the first instant of a date in the billing zone of then: the change of the zone itself where that begins it."""
    if isinstance(zone, str):
        return local_midnight(day, zone)
    in_force_from = datetime.min.replace(tzinfo=UTC)
    for former in zone.former:
        if (began := max(local_midnight(day, former.name), in_force_from)) <= former.until:
            return began
        in_force_from = former.until + _MICROSECOND
    return max(local_midnight(day, zone.name), in_force_from)
