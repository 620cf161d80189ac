"""Read dates and midnights by the billing zone that was in force then, so that what was dated stays so when the zone changes. PURE.

See Note [Another zone] in products.cycles.
"""

from datetime import date, datetime

from core.periods import Zone, local_date, local_midnight


def name_at(instant: datetime, zone: Zone) -> str:
    """Give the name of the billing zone in force at an instant; of a cycle's both ends it is the one in force as it began."""
    return zone if isinstance(zone, str) else zone.at(instant)


def date_at(instant: datetime, zone: Zone) -> date:
    """Give the date of an instant in the billing zone of then."""
    return local_date(instant, name_at(instant, zone))


def midnight_of(day: date, zone: Zone) -> datetime:
    """Give the instant at which a date began in the billing zone of then."""
    former = () if isinstance(zone, str) else zone.former
    began = ((local_midnight(day, one.name), one.until) for one in former)
    name = zone if isinstance(zone, str) else zone.name
    return next((at for at, until in began if at <= until), local_midnight(day, name))
